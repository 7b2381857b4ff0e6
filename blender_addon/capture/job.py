"""A capture from start to end, one view at a time, so that whoever drives it can do other things in between."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np

from engine.link.geometry import Bounds, Camera
from engine.link.messages import Split

from .bounds import read_bounds
from .cameras import camera_from_object, capture_size, pixel_aspect
from .checks import find_scene_warnings, share_outside_bounds
from .dataset import CaptureDataset, Settings, ViewRecord
from .errors import CaptureError
from .passes import PassRenderer
from .plan import GENERATED_RIGS, PlannedView, planned_views
from .rigs import spread_order
from .temporary_scene import temporary_copy

ViewListener = Callable[[str, Split, Camera, np.ndarray, np.ndarray | None, float], None]

# Above this share of a picture's subject outside the bounds, they cut it.
CUT_SHARE = 0.02


@dataclasses.dataclass(frozen=True, eq=False)
class CapturedView:
    """A view with its pictures: ``color`` [H, W, 4] float16 scene-linear premultiplied, ``depth`` [H, W] float32 planar
    z with +inf where there is nothing, or None. ``is_new``: rendered now, not taken from an interrupted capture."""

    name: str
    split: Split
    camera: Camera
    color: np.ndarray
    depth: np.ndarray | None
    seconds: float
    is_new: bool


class CaptureJob:
    """An iterator that captures one view with each ``next()``, stores it and hands it to ``on_view``.

    Views that an interrupted capture in the same folder has finished come first, read from disk. The scene's settings
    are never touched; what has to be hidden is shown again when the last view is done, by ``close()``, or at an error.
    Use it as a context manager, or call ``close()``.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        view_layer: bpy.types.ViewLayer,
        folder: Path,
        on_view: ViewListener | None = None,
    ) -> None:
        """Check everything that can be checked before the first view. Raises CaptureError.

        ``on_view(name, split, camera, color, depth, seconds)`` is called with every view, in order.
        """
        self._on_view = on_view
        self._began = time.monotonic()
        self._rendered = 0
        self._subject_seen = False
        self.done = 0
        self.warnings: list[str] = find_scene_warnings(scene)
        width, height = capture_size(scene)
        use_depth = scene.hashlight.capture.use_depth
        plan = planned_views(scene)
        view_layer.update()
        self.bounds: Bounds = read_bounds(scene, view_layer.depsgraph)
        settings = capture_settings(scene, view_layer)
        with contextlib.ExitStack() as stack:
            copy_name = stack.enter_context(temporary_copy(scene, view_layer, width, height, use_depth))
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hashlight-capture-")))
            self._renderer = PassRenderer(copy_name, view_layer.name, scratch, use_depth)
            records = self._evaluate(plan, view_layer.name, (width, height))
            if scene.hashlight.capture.rig not in GENERATED_RIGS:
                records = _spread(records)
            self.dataset = CaptureDataset(folder, settings, self.bounds, records)
            self._cleanup = stack.pop_all()
        finished = [record for record in records if record.is_done]
        self._queue = finished + _interleave([record for record in records if not record.is_done])
        self._views = self._capture()

    @property
    def total(self) -> int:
        """How many views there are, finished ones included."""
        return len(self._queue)

    @property
    def next_name(self) -> str | None:
        """The view that comes next, None after the last."""
        return self._queue[self.done].name if self.done < self.total else None

    @property
    def eta_seconds(self) -> float | None:
        """How long the rest takes if it goes on like this; None before the first view is rendered."""
        if self._rendered == 0:
            return None
        return (time.monotonic() - self._began) / self._rendered * (self.total - self.done)

    def __iter__(self) -> Iterator[CapturedView]:
        return self

    def __next__(self) -> CapturedView:
        try:
            view = next(self._views)
        except BaseException:  # StopIteration and KeyboardInterrupt, too: the scene is put back whatever happens
            self.close()
            raise
        self.done += 1
        return view

    def __enter__(self) -> CaptureJob:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the capture, finished or not, and put the scene back. What was captured stays on disk."""
        self._cleanup.close()

    def _evaluate(self, plan: list[PlannedView], view_layer_name: str, size: tuple[int, int]) -> list[ViewRecord]:
        """The camera of each planned view, as Blender evaluates it."""
        scene = self._renderer.scene
        records = []
        for view in plan:
            if view.frame is not None:
                scene.frame_set(view.frame)
            view_layer = scene.view_layers[view_layer_name]
            view_layer.update()
            source = bpy.data.objects[view.camera] if view.camera is not None else scene.camera
            camera = camera_from_object(source, view_layer.depsgraph, *size, pixel_aspect(scene))
            records.append(ViewRecord(view.name, view.split, camera, source.name, view.frame))
        return records

    def _capture(self) -> Iterator[CapturedView]:
        for record in self._queue:
            is_new = not record.is_done
            if is_new:
                color, depth, seconds = self._render(record)
                self.dataset.write(record.name, color, depth, seconds)
                self._rendered += 1
            else:
                color, depth = self.dataset.read(record.name)
                seconds = record.render_seconds or 0.0
            self._check(record, color, depth)
            if self._on_view is not None:
                self._on_view(record.name, record.split, record.camera, color, depth, seconds)
            yield CapturedView(record.name, record.split, record.camera, color, depth, seconds, is_new)
        if not self._subject_seen:
            raise CaptureError(f"All {self.total} views are empty: nothing that renders is in front of the cameras")

    def _render(self, record: ViewRecord) -> tuple[np.ndarray, np.ndarray | None, float]:
        began = time.monotonic()
        if self._rendered == 0:
            self._began = began
        if record.frame is not None:
            self._renderer.scene.frame_set(record.frame)
        color, depth = self._renderer.render(record.source)
        return color, depth, time.monotonic() - began

    def _check(self, record: ViewRecord, color: np.ndarray, depth: np.ndarray | None) -> None:
        if not (color[..., 3] > 0).any():
            self.warnings.append(f"View {record.name} is empty")
            return
        self._subject_seen = True
        if depth is not None:
            outside = share_outside_bounds(record.camera, color[..., 3], depth, self.bounds)
            if outside > CUT_SHARE:
                self.warnings.append(f"The bounds cut off {outside:.0%} of what view {record.name} shows: enlarge them")


def first_planned_camera(scene: bpy.types.Scene) -> Camera:
    """The first camera of the plan, as a capture would have it now. Raises CaptureError when there is no plan."""
    view = planned_views(scene)[0]
    view_layer = scene.view_layers[0]
    view_layer.update()
    source = bpy.data.objects[view.camera] if view.camera is not None else scene.camera
    return camera_from_object(source, view_layer.depsgraph, *capture_size(scene), pixel_aspect(scene))


def capture_settings(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> Settings:
    """All that decides how pictures look, besides cameras: a capture is resumed only if these are the same."""
    engine = scene.render.engine
    samples = scene.cycles.samples if engine == "CYCLES" else scene.eevee.taa_render_samples
    width, height = capture_size(scene)
    return {
        "scene": scene.name,
        "view layer": view_layer.name,
        "engine": "EEVEE" if "EEVEE" in engine else engine,
        "samples": samples,
        "width": width,
        "height": height,
        "depth": scene.hashlight.capture.use_depth,
    }


def _spread(records: list[ViewRecord]) -> list[ViewRecord]:
    """``records`` in an order in which any first ones cover the subject evenly, within each split."""
    ordered = []
    for split in ("train", "test"):
        members = [record for record in records if record.split == split]
        if members:
            order = spread_order(np.stack([record.camera.position for record in members]))
            ordered.extend(members[index] for index in order)
    return ordered


def _interleave(records: list[ViewRecord]) -> list[ViewRecord]:
    """Held-out views evenly among the training views, each split in its own order: scores are wanted early, too."""
    place: dict[str, float] = {}
    for split in ("train", "test"):
        members = [record for record in records if record.split == split]
        for index, record in enumerate(members):
            place[record.name] = (index + (1 if split == "test" else 0)) / len(members)
    return sorted(records, key=lambda record: place[record.name])
