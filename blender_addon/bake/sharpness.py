"""How large bakes are, and how much that enlarges what was captured."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import bpy
import numpy as np

from engine.link.framing import captured_detail, enlargements, pixels_spanned
from engine.link.geometry import MAX_IMAGE_SIDE, Bounds, Camera, GeometryError

from ..capture.cameras import camera_from_object, capture_size, pixel_aspect, render_size
from ..capture.captured_views import known_dataset
from ..capture.dataset import CaptureDataset
from ..capture.errors import CaptureError
from ..capture.plan_drawing import plan_to_draw
from ..capture.subject import guess_subject
from .paths import has_render_size, turntable_cameras

SHARP, SOFT = 1.2, 1.6  # enlargements up to which a bake is as sharp as the captures, and from which it is soft
_LARGEST = 1920  # pixels: photographs may be much larger, and frames of that size are seldom wanted
_FRAMES = 24  # of a turntable, by which it is known how large the subject is in all of them
_CURE = "Render smaller frames, or capture larger pictures"
_MAX_AGE = 2.0  # seconds: a capture that goes on changes little

# All settings that a turntable's cameras follow from, but for the frames' size.
_TURNTABLE = (
    *("frames", "elevation", "levels", "top_elevation", "start", "turns", "ease"),
    *("field_of_view", "radius", "lift"),
)
_MOST_KNOWN = 8
_on_turntable: dict[tuple[object, ...], float] = {}  # enlargements, by all that decides them: panels ask often


class _Subject(NamedTuple):
    """Points [n, 3] of what is captured, how many pixels a metre at each takes in the pictures [n], and how many pixels
    across these show all of it."""

    points: np.ndarray
    detail: np.ndarray
    pixels: float

    @classmethod
    def shown_by(cls, cameras: list[Camera], points: np.ndarray) -> _Subject:
        return cls(points, captured_detail(cameras, points), pixels_spanned(cameras, points))


def bake_size(scene: bpy.types.Scene) -> tuple[int, int]:
    """Width and height of the frames to be baked: those of renders where they are set into each other, the chosen ones,
    or what is as sharp as the captures."""
    settings = scene.hashlight.bake
    if has_render_size(scene):
        return render_size(scene)
    return (followed_size(scene) if settings.use_capture_size else None) or (
        settings.resolution_x,
        settings.resolution_y,
    )


def followed_size(scene: bpy.types.Scene) -> tuple[int, int] | None:
    """The size of a turntable's frames in which the subject is as large as in the captures; None where nothing is
    captured."""
    dataset = known_dataset(scene, _MAX_AGE)
    cameras = [] if dataset is None else _training_cameras(dataset)
    if dataset is None or not cameras:
        return None
    size = round(median(camera.width for camera in cameras)), round(median(camera.height for camera in cameras))
    enlarged = _turntable_enlargement(scene, dataset.bounds, size, _captured_subject(dataset))
    return _scaled(size, min(1.0 / enlarged, _LARGEST / max(size))) if 0.0 < enlarged < np.inf else size


def subject_of(dataset: CaptureDataset, bounds: Bounds | None = None) -> np.ndarray:
    """Points [n, 3] of what is captured; the corners of its bounds where they aren't known, or ``bounds``' where a run
    has others."""
    captured = dataset.bounds.corners
    if bounds is not None and not np.allclose(bounds.corners, captured, rtol=0, atol=1e-4 * bounds.radius):
        return bounds.corners
    return captured if dataset.subject is None else dataset.subject


def subject_to_bake(scene: bpy.types.Scene, bounds: Bounds) -> np.ndarray:
    """Points [n, 3] of what a run with ``bounds`` has learnt: of the scene's capture, or the corners of the bounds."""
    dataset = known_dataset(scene, 0.0)
    return bounds.corners if dataset is None else subject_of(dataset, bounds)


def enlargement(scene: bpy.types.Scene) -> tuple[float, float] | None:
    """How many pixels the subject is wide or high in the captured pictures, as a median, and how many it would be if it
    were all as large as what the frames to be baked show of it. None where that can't be told. For panels."""
    dataset = known_dataset(scene, _MAX_AGE)
    if dataset is None:
        return None
    subject = _captured_subject(dataset)
    enlarged = _bake_enlargement(scene, dataset.bounds, subject)
    return (subject.pixels, subject.pixels * enlarged) if subject.pixels and 0.0 < enlarged < np.inf else None


def describe_enlargement(scene: bpy.types.Scene) -> str:
    """What the size of the bake means, as text; empty when nothing is captured."""
    pixels = enlargement(scene)
    if pixels is None:
        return ""
    captured, baked = pixels
    is_animation = scene.hashlight.bake.path == "ANIMATION"
    frames = f"frame {scene.frame_current}" if is_animation else "these frames"
    words = f"captures show the subject {captured:,.0f} pixels across, {frames} {baked:,.0f}"
    if baked <= SHARP * captured:
        return f"Sharp: {words}"
    if baked <= SOFT * captured:
        return f"A little soft: {words}"
    return f"Soft, enlarged {baked / captured:.1f} times: {words}. {_CURE}"


def describe_softest(scene: bpy.types.Scene, cameras: Sequence[Camera]) -> str:
    """Which of an animation's frames, seen by ``cameras``, is the softest, as text; empty when all are sharp enough,
    or nothing is captured."""
    dataset = known_dataset(scene, _MAX_AGE)
    if dataset is None:
        return ""
    subject = _captured_subject(dataset)
    enlarged = enlargements(cameras, subject.points, subject.detail)
    softest = int(enlarged.argmax())
    if not SOFT < enlarged[softest] < np.inf:
        return ""
    count = int((enlarged > SOFT).sum())
    return (
        f"{count} of {len(cameras)} frames will be soft: frame {scene.frame_start + softest} enlarges what was "
        f"captured {enlarged[softest]:.1f} times. {_CURE}"
    )


def suggest_capture_size(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> tuple[int, int] | None:
    """The size of captured pictures that the planned cameras need for a sharp bake of the chosen size; None where the
    present one is enough, or the bake follows the captures. For panels."""
    settings = scene.hashlight.bake
    if settings.use_capture_size and not has_render_size(scene):
        return None
    try:
        bounds, poses = plan_to_draw(scene, depsgraph)
        size = capture_size(scene)
    except CaptureError:
        return None
    poses = [pose for pose in poses if pose.split == "train"]
    if bounds is None or not poses:
        return None
    planned = _planned_subject(
        tuple(pose.camera_to_world.astype(np.float64).tobytes() for pose in poses),
        poses[0].slopes,
        size,
        guess_subject(scene, bounds).tobytes(),
    )
    enlarged = _bake_enlargement(scene, bounds, planned)
    if not SHARP < enlarged < np.inf:
        return None
    return _scaled(size, enlarged)


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """``size`` that many times as large, in whole pairs of pixels, as films need them."""
    width, height = (min(max(2 * round(side * factor / 2), 16), MAX_IMAGE_SIDE) for side in size)
    return width, height


def _training_cameras(dataset: CaptureDataset) -> list[Camera]:
    return [view.camera for view in dataset.views.values() if view.split == "train"]


@functools.lru_cache(maxsize=2)  # a dataset that was read again is another one
def _captured_subject(dataset: CaptureDataset) -> _Subject:
    return _Subject.shown_by(_training_cameras(dataset), subject_of(dataset))


@functools.lru_cache(maxsize=2)
def _planned_subject(
    poses: tuple[bytes, ...], slopes: tuple[float, float], size: tuple[int, int], subject: bytes
) -> _Subject:
    (width, height), (wide, high) = size, slopes
    cameras = [
        Camera(
            np.frombuffer(pose).reshape(4, 4), width, height, width / 2 / wide, height / 2 / high, width / 2, height / 2
        )
        for pose in poses
    ]
    return _Subject.shown_by(cameras, np.frombuffer(subject).reshape(-1, 3))


def _bake_enlargement(scene: bpy.types.Scene, bounds: Bounds, subject: _Subject) -> float:
    """How many times as large as in captures ``subject`` will be in the frames to be baked. A turntable shows all of
    it, so that its widths are compared; a camera that is animated may be close, and goes by where it is now. 0 where
    that can't be told."""
    if scene.hashlight.bake.path == "TURNTABLE":
        return _turntable_enlargement(scene, bounds, bake_size(scene), subject)
    depsgraph = scene.view_layers[0].depsgraph
    if scene.camera is None or depsgraph is None:
        return 0.0
    try:
        camera = camera_from_object(scene.camera, depsgraph, *render_size(scene), pixel_aspect(scene))
    except (CaptureError, GeometryError):
        return 0.0
    return float(enlargements([camera], subject.points, subject.detail)[0])


def _turntable_enlargement(scene: bpy.types.Scene, bounds: Bounds, size: tuple[int, int], subject: _Subject) -> float:
    settings = scene.hashlight.bake
    chosen = tuple(getattr(settings, name) for name in _TURNTABLE)
    key = (*chosen, size, bounds.corners.tobytes(), subject.points.tobytes(), subject.pixels)
    if key not in _on_turntable:
        if len(_on_turntable) > _MOST_KNOWN:
            _on_turntable.clear()
        try:
            cameras = turntable_cameras(scene, bounds, size, subject.points, most_frames=_FRAMES)
            _on_turntable[key] = pixels_spanned(cameras, subject.points) / subject.pixels if subject.pixels else 0.0
        except (CaptureError, GeometryError):  # told when it is baked
            _on_turntable[key] = 0.0
    return _on_turntable[key]
