"""A capture from start to end, one view at a time, so that whoever drives it can do other things in between."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import bpy
import numpy as np

from engine.link.capture_format import Settings, ViewRecord
from engine.link.framing import extreme_points
from engine.link.geometry import Bounds, Camera
from engine.link.messages import Split
from engine.link.temporary_folder import TemporaryFolder
from engine.link.view_transform import FILE_NAME, save_view_transform

from .. import roles
from ..background import Task
from ..folders import lock_folder
from ..view_transform import tables
from . import fast_capture
from .as_rendered import gather_as_rendered
from .bounds import read_bounds
from .cameras import capture_size
from .checks import Findings, is_empty
from .contents import objects_within
from .dataset import CaptureDataset
from .errors import CaptureError, ViewError
from .failures import Failures
from .passes import PassRenderer
from .plan import GENERATED_RIGS, PlannedView, planned_views
from .plan_warnings import PlanWarning
from .poses import camera_of_view, pose_of
from .render_cost import RenderCost, Stopwatch, is_on_card
from .simulations import frames_to_play
from .subject import read_subject
from .temporary_scene import TemporaryScene
from .tiles import adapt_tiles, guess_tiles
from .view_order import order_views, spread_views

Pixels = tuple[np.ndarray, np.ndarray | None]
T = TypeVar("T")
ViewListener = Callable[[str, Split, Camera, np.ndarray, np.ndarray | None, float], None]

_SUBJECT_POINTS = 300  # at most, that are kept of what is visible
_STORING_PATIENCE = 5.0  # seconds to wait for a view that is being stored when the capture ends under it


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

    Views that an interrupted capture in the same folder has finished come first, read from disk. A view that can't be
    rendered is left out and told of at the end, by a CaptureError. The scene's settings are never touched; what has to
    be hidden is shown again when the last view is done, by ``close()``, or at an error. Use it as a context manager, or
    call ``close()``.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        view_layer: bpy.types.ViewLayer,
        folder: Path,
        on_view: ViewListener | None = None,
        in_window: bool = False,
        leave_for_last: str = "",
    ) -> None:
        """Check everything that can be checked before the first view. Raises CaptureError, of which ChangedPlanError
        when something else is captured in ``folder`` already; FolderError.

        ``on_view(name, split, camera, color, depth, seconds)`` is called with every view, in order. ``in_window``: to
        be driven by ``advance``, which leaves the window usable while a view is rendered. ``leave_for_last``: a view
        that an earlier capture could not get past.
        """
        self._on_view = on_view
        self._in_window = in_window
        self._objects = {obj.name for obj in scene.objects if roles.role_of(obj) is None}
        self._failures = Failures()
        self._began = time.monotonic()
        self._rendered = 0
        self._task: Task[object] | None = None  # what is done beside the window just now
        self.done = 0
        width, height = capture_size(scene)
        use_depth = scene.hashlight.capture.use_depth
        plan = planned_views(scene)
        view_layer.update()
        self.bounds: Bounds = read_bounds(scene, view_layer.depsgraph)
        subject = extreme_points(read_subject(scene, view_layer, view_layer.depsgraph, self.bounds), _SUBJECT_POINTS)
        self._findings = Findings(scene, view_layer, self.bounds)
        settings = _settings_of(scene, view_layer)
        contents = objects_within(self.bounds, gather_as_rendered(view_layer, view_layer.depsgraph))
        with contextlib.ExitStack() as stack:
            self._copy = TemporaryScene(scene, view_layer, width, height, use_depth)
            stack.callback(self._copy.close)
            scratch = stack.enter_context(TemporaryFolder("capture"))
            self._renderer = PassRenderer(self._copy.name, view_layer.name, scratch, use_depth)
            stack.callback(self._renderer.forget_job)
            stack.callback(self._wait_for_task)
            if in_window:
                guess_tiles(self._renderer.scene)
            records = self._evaluate(plan, view_layer.name, (width, height))
            self.poses = [pose_of(record.name, record.split, record.camera, record.source) for record in records]
            if scene.hashlight.capture.rig not in GENERATED_RIGS:
                records = spread_views(records)
            stack.callback(lock_folder(scene).release)
            self.dataset = CaptureDataset(folder, settings, self.bounds, records, subject=subject, objects=contents)
            self._cleanup = stack.pop_all()
        self._queue = order_views(records, leave_for_last)
        frames = [scene.frame_current, *(record.frame for record in records if record.frame is not None)]
        self._played = frames_to_play(scene, max(frames))
        self.kept = sum(record.is_done for record in self._queue)  # views that were captured before
        self.current_name = ""  # the view at hand
        self._views = self._capture()

    @property
    def total(self) -> int:
        """How many views there are, finished ones included."""
        return len(self._queue)

    @property
    def training_views(self) -> int:
        """How many of them are to be trained on."""
        return sum(record.split == "train" for record in self._queue)

    @property
    def needs_cpu(self) -> bool:
        """Whether the views may be rendered on the processor, which is not for others then."""
        return not is_on_card(self._renderer.scene)

    @property
    def warnings(self) -> list[PlanWarning]:
        """What is wrong as far as is known by now, one of each kind of thing."""
        return self._findings.warnings(self.total)

    def warn(self, words: str) -> None:
        """Have ``words`` among the warnings."""
        self._findings.told.append(PlanWarning(words))

    @property
    def eta_seconds(self) -> float | None:
        """How long the rest takes if it goes on like this; None before the first view is rendered."""
        if self._rendered == 0:
            return None
        return (time.monotonic() - self._began) / self._rendered * (self.total - self.done - len(self._failures))

    @property
    def is_reading(self) -> bool:
        """Whether the view at hand is one that was captured before."""
        return self.done < self.kept

    @property
    def is_busy(self) -> bool:
        """Whether a view is being rendered or stored beside the window just now."""
        return self._in_window and (self._renderer.is_rendering or (self._task is not None and self._task.is_running))

    def __iter__(self) -> Iterator[CapturedView]:
        return self

    def __next__(self) -> CapturedView:
        view = self.advance()
        assert view is not None, "in a window it takes several calls of advance() to get a view"
        return view

    def advance(self) -> CapturedView | None:
        """The next view, as ``next()`` gives it; in a window None while it is being rendered and stored, without
        waiting."""
        try:
            view = next(self._views)
        except BaseException:  # StopIteration and KeyboardInterrupt, too: the scene is put back whatever happens
            self.close()
            raise
        self.done += view is not None
        return view

    def __enter__(self) -> CaptureJob:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the capture, finished or not, and put the scene back. What was captured stays on disk."""
        self._cleanup.close()

    def abandon(self) -> None:
        """End the capture because another file is loaded, in which nothing is to be put back."""
        self._copy.forget()
        self.close()

    def _evaluate(self, plan: list[PlannedView], view_layer_name: str, size: tuple[int, int]) -> list[ViewRecord]:
        """The camera of each planned view, as Blender evaluates it."""
        scene = self._renderer.scene
        records = []
        view_layer = scene.view_layers[view_layer_name]
        for view in plan:
            source, camera = camera_of_view(view, scene, view_layer, size)
            records.append(ViewRecord(view.name, view.split, camera, source, view.frame))
        return records

    def _capture(self) -> Iterator[CapturedView | None]:
        if self._in_window:
            tables.refresh(self._renderer.scene)  # so that it is there in the end
        for record in self._queue:
            self.current_name = record.name
            is_new = not record.is_done
            if is_new:
                yield from self._play_rigid_bodies()
                stopwatch = Stopwatch(self._renderer.scene)
                try:
                    color, depth = yield from self._render(record)
                except ViewError as error:
                    self._failures.note_failure(record.name, error)
                    # A renderer that failed once may keep that, and give empty pictures without a word from now on.
                    self._renderer.scene.render.use_persistent_data = False
                    if self._failures.are_no_accident:
                        break
                    continue
                self._failures.note_success()
                self._renderer.scene.render.use_persistent_data = True
                cost = stopwatch.cost()
                seconds = cost.seconds
                yield from self._beside_window(functools.partial(self._store, record, color, depth, cost))
                self._rendered += 1
                if self._in_window:
                    adapt_tiles(self._renderer.scene, record.camera.width * record.camera.height, seconds)
            else:
                color, depth = yield from self._beside_window(functools.partial(self._read, record))
                seconds = record.render_seconds or 0.0
            if self._on_view is not None:
                self._on_view(record.name, record.split, record.camera, color, depth, seconds)
            yield CapturedView(record.name, record.split, record.camera, color, depth, seconds, is_new)
        yield from self._store_view_transform()
        self._failures.raise_any(self.done, self.total)
        if not self._findings.is_subject_seen:
            raise CaptureError(f"All {self.total} views are empty: nothing that renders is in front of the cameras")

    def _play_rigid_bodies(self) -> Iterator[None]:
        """Go once through the simulation of rigid bodies, which the copy of the scene begins anew: after that it knows
        where they are at each frame, in any order."""
        scene = self._renderer.scene
        now, played, self._played = (scene.frame_current, scene.frame_subframe), self._played, range(0)
        for frame in [(number, 0.0) for number in played] + [now] * bool(played):
            scene.frame_set(frame[0], subframe=frame[1])
            if self._in_window:
                yield

    def _render(self, record: ViewRecord) -> Generator[None, None, Pixels]:
        if self._rendered == 0:
            self._began = time.monotonic()
        if record.frame is not None:
            self._renderer.scene.frame_set(record.frame)
        if self._in_window:
            self._renderer.begin(record.source)
            yield
            self._renderer.go_on()
            while self._renderer.is_rendering:
                yield
            self._renderer.finish()
            (color, depth), is_empty = yield from self._beside_window(self._take_pictures)
            if is_empty:
                # A job keeps a renderer's failure to itself. Waiting for it tells; an empty view takes no time.
                color, depth = self._renderer.render(record.source)
        else:
            color, depth = self._renderer.render(record.source)
        if missing := sorted(self._objects - {obj.name for obj in self._renderer.scene.objects}):
            raise CaptureError(
                f"{', '.join(missing[:3])} {'was' if len(missing) == 1 else 'were'} deleted during the capture: undo "
                "that and capture again to go on, or capture the changed scene into a new take"
            )
        return color, depth

    def _beside_window(self, work: Callable[[], T]) -> Generator[None, None, T]:
        """What ``work`` returns, which needs no Blender: done in a thread where there is a window that would wait."""
        if not self._in_window:
            return work()
        task = Task(work, "hashlight-capture")
        self._task = task
        while task.is_running:
            yield
        self._task = None
        return task.result()

    def _wait_for_task(self) -> None:
        if self._task is not None:
            self._task.wait(_STORING_PATIENCE)

    def _take_pictures(self) -> tuple[Pixels, bool]:
        """What was rendered, and whether it is empty."""
        color, depth = self._renderer.take_pictures()
        return (color, depth), is_empty(color)

    def _store_view_transform(self) -> Generator[None, None, None]:
        """Put the scene's view transform beside the views, for renders of the field without Blender."""
        scene = self._renderer.scene
        try:
            while self._in_window and tables.find(scene) is None:
                tables.refresh(scene)
                yield
            path, transform = self.dataset.folder / FILE_NAME, tables.view_transform(scene)
            yield from self._beside_window(functools.partial(save_view_transform, path, transform))
        except (OSError, RuntimeError) as error:
            words = (
                f"The view transform is not beside the {self.total} views ({error}): hashlight render would show other "
            )
            self.warn(f"{words}colours than Blender. Capture again, which renders no view again")

    def _store(self, record: ViewRecord, color: np.ndarray, depth: np.ndarray | None, cost: RenderCost) -> None:
        self.dataset.write(record.name, color, depth, cost)
        self._findings.check_view(record, color, depth)

    def _read(self, record: ViewRecord) -> Pixels:
        color, depth = self.dataset.read(record.name)
        self._findings.check_view(record, color, depth)
        return color, depth


def _settings_of(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> Settings:
    """All that decides how pictures look, besides cameras: a capture is resumed only if these are the same."""
    engine = scene.render.engine
    width, height = capture_size(scene)
    collection = scene.hashlight.capture.collection
    return {
        "scene": scene.name,
        "view layer": view_layer.name,
        "engine": "EEVEE" if "EEVEE" in engine else engine,
        "samples": fast_capture.samples_of(scene, view_layer),
        "width": width,
        "height": height,
        "depth": scene.hashlight.capture.use_depth,
        **({} if collection is None else {"collection": collection.name}),
    }
