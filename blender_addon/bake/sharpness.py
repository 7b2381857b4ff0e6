"""How large bakes are, and how much that enlarges what was captured."""

from __future__ import annotations

import functools
from statistics import median

import bpy
import numpy as np

from engine.link.framing import pixels_spanned
from engine.link.geometry import MAX_IMAGE_SIDE, Bounds, Camera, GeometryError

from ..capture.cameras import camera_from_object, capture_size, pixel_aspect, render_size
from ..capture.dataset import CaptureDataset
from ..capture.errors import CaptureError
from ..capture.plan_drawing import plan_to_draw
from ..capture.subject import guess_subject
from ..review.views import known_dataset
from .paths import has_render_size, turntable_cameras

SHARP, SOFT = 1.2, 1.6  # enlargements up to which a bake is as sharp as the captures, and from which it is soft
_LARGEST = 1920  # pixels: photographs may be much larger, and nobody has asked for frames of that size
_FRAMES = 24  # of a turntable, by which it is known how large the subject is in all of them
_MAX_AGE = 2.0  # seconds: a capture that goes on changes little

# All settings that a turntable's cameras follow from, but for the frames' size.
_TURNTABLE = (
    *("frames", "elevation", "levels", "top_elevation", "start", "turns", "ease"),
    *("field_of_view", "radius", "lift"),
)
_MOST_KNOWN = 8
_on_turntable: dict[tuple[object, ...], float] = {}  # pixels, by all that decides them: panels ask often


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
    baked = _pixels_on_turntable(scene, dataset.bounds, subject_of(dataset), size)
    captured = _captured_pixels(dataset)
    if not baked or not captured:
        return size
    return _scaled(size, min(captured / baked, _LARGEST / max(size)))


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
    """How many pixels the subject is wide or high in the captured pictures, and how many it will be in the frames to be
    baked, both as medians. None where that can't be told. For panels."""
    dataset = known_dataset(scene, _MAX_AGE)
    if dataset is None or not (captured := _captured_pixels(dataset)):
        return None
    baked = _baked_pixels(scene, dataset.bounds, subject_of(dataset))
    return (captured, baked) if baked else None


def describe_enlargement(scene: bpy.types.Scene) -> str:
    """What the size of the bake means, in words; empty when nothing is captured."""
    pixels = enlargement(scene)
    if pixels is None:
        return ""
    captured, baked = pixels
    words = f"captures show the subject {captured:,.0f} pixels across, these frames {baked:,.0f}"
    if baked <= SHARP * captured:
        return f"Sharp: {words}"
    if baked <= SOFT * captured:
        return f"A little soft: {words}"
    return f"Soft, enlarged {baked / captured:.1f} times: {words}. Render smaller frames, or capture larger pictures"


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
    subject = guess_subject(scene, bounds)
    planned = _planned_pixels(
        tuple(pose.camera_to_world.astype(np.float64).tobytes() for pose in poses),
        poses[0].slopes,
        size,
        subject.tobytes(),
    )
    baked = _baked_pixels(scene, bounds, subject)
    if not planned or baked <= SHARP * planned:
        return None
    return _scaled(size, baked / planned)


def _scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """``size`` that many times as large, in whole pairs of pixels, as films need them."""
    width, height = (min(max(2 * round(side * factor / 2), 16), MAX_IMAGE_SIDE) for side in size)
    return width, height


def _training_cameras(dataset: CaptureDataset) -> list[Camera]:
    return [view.camera for view in dataset.views.values() if view.split == "train"]


@functools.lru_cache(maxsize=2)  # a dataset that was read again is another one
def _captured_pixels(dataset: CaptureDataset) -> float:
    return pixels_spanned(_training_cameras(dataset), subject_of(dataset))


@functools.lru_cache(maxsize=2)
def _planned_pixels(
    poses: tuple[bytes, ...], slopes: tuple[float, float], size: tuple[int, int], subject: bytes
) -> float:
    (width, height), (wide, high) = size, slopes
    cameras = [
        Camera(
            np.frombuffer(pose).reshape(4, 4), width, height, width / 2 / wide, height / 2 / high, width / 2, height / 2
        )
        for pose in poses
    ]
    return pixels_spanned(cameras, np.frombuffer(subject).reshape(-1, 3))


def _baked_pixels(scene: bpy.types.Scene, bounds: Bounds, subject: np.ndarray) -> float:
    """How large the subject will be in the frames to be baked, in pixels; by the camera as it is now where that is
    followed along its animation. 0 where that can't be told."""
    if scene.hashlight.bake.path == "TURNTABLE":
        return _pixels_on_turntable(scene, bounds, subject, bake_size(scene))
    depsgraph = scene.view_layers[0].depsgraph
    if scene.camera is None or depsgraph is None:
        return 0.0
    try:
        camera = camera_from_object(scene.camera, depsgraph, *render_size(scene), pixel_aspect(scene))
    except (CaptureError, GeometryError):
        return 0.0
    return pixels_spanned([camera], subject)


def _pixels_on_turntable(scene: bpy.types.Scene, bounds: Bounds, subject: np.ndarray, size: tuple[int, int]) -> float:
    settings = scene.hashlight.bake
    key = (*(getattr(settings, name) for name in _TURNTABLE), size, bounds.corners.tobytes(), subject.tobytes())
    if key not in _on_turntable:
        if len(_on_turntable) > _MOST_KNOWN:
            _on_turntable.clear()
        try:
            pixels = pixels_spanned(turntable_cameras(scene, bounds, size, subject, most_frames=_FRAMES), subject)
        except (CaptureError, GeometryError):  # told when it is baked
            pixels = 0.0
        _on_turntable[key] = pixels
    return _on_turntable[key]
