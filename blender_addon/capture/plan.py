"""Which views to capture: camera objects planned around the bounds, or the scene's own cameras and animation."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Iterable

import bpy
import numpy as np
from mathutils import Matrix

from engine.link.geometry import Bounds
from engine.link.messages import Split

from .. import roles
from . import rigs
from .cameras import capture_size, pixel_aspect
from .errors import CaptureError

COLLECTION_NAME = "Hashlight Cameras"
GENERATED_RIGS = {"SPHERE", "HEMISPHERE", "RINGS"}

_SPLIT_KEY = "hashlight_split"
_POSE_KEY = "hashlight_pose"  # of a planned camera: its name among the rig's poses
_BOUNDS_KEY = "hashlight_bounds"  # of the cameras' collection: the bounds they were planned for
COLORS: dict[Split, tuple[float, float, float, float]] = {"train": (0.1, 0.5, 1.0, 1.0), "test": (1.0, 0.5, 0.1, 1.0)}


@dataclasses.dataclass(frozen=True)
class PlannedView:
    """A view to capture: through camera object ``camera``, or at ``frame`` through the camera active then. ``name`` is
    fit for a file on every platform, and no other view's."""

    name: str
    split: Split
    camera: str | None
    frame: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Pose:
    """Where a planned camera is: ``camera_to_world`` [4, 4] float64. ``slopes``: half the width and height of what it
    sees one metre before it, in metres."""

    name: str
    split: Split
    camera_to_world: np.ndarray
    slopes: tuple[float, float]


def rig_poses(scene: bpy.types.Scene, bounds: Bounds) -> list[Pose]:
    """The cameras of the scene's generated rig, fitted to ``bounds``, training cameras first, in the order of capture.

    Training cameras are named ``train_000`` on, held-out ones ``test_000`` on. Makes nothing. Raises CaptureError for
    settings that make no rig.
    """
    settings = scene.hashlight.capture
    try:
        training, held_out = _directions(settings)
    except ValueError as error:
        raise CaptureError(f"Rig: {error}") from None
    slopes = picture_slopes(scene)
    distance = _distance(scene, bounds, np.concatenate((training, held_out)))
    distances = rigs.jitter_distances(len(training), distance, settings.jitter, settings.seed)
    splits: tuple[tuple[Split, np.ndarray, np.ndarray], ...] = (
        ("train", training, distances),
        ("test", held_out, np.full(len(held_out), distance)),
    )
    poses = []
    for split, directions, radii in splits:
        matrices = rigs.look_at(bounds.center + directions * radii[:, None], bounds.center)
        poses.extend(Pose(f"{split}_{index:03d}", split, matrix, slopes) for index, matrix in enumerate(matrices))
    return poses


def plan_cameras(scene: bpy.types.Scene, bounds: Bounds) -> list[bpy.types.Object]:
    """Replace the planned cameras in ``scene`` by those of ``rig_poses``. Raises CaptureError."""
    poses = rig_poses(scene, bounds)
    remove_planned_cameras(scene)
    collection = _camera_collection(scene)
    data = _camera_data(scene)
    planned = []
    for pose in poses:
        camera = bpy.data.objects.new(pose.name, data)
        camera.matrix_world = Matrix(pose.camera_to_world)
        camera.color = COLORS[pose.split]
        camera[_SPLIT_KEY] = pose.split
        camera[_POSE_KEY] = pose.name
        roles.mark(camera, "camera")
        collection.objects.link(camera)
        planned.append(camera)
    _fit_camera_data(data, bounds, poses)
    collection[_BOUNDS_KEY] = _numbers(bounds)
    return planned


def follow_bounds(scene: bpy.types.Scene, bounds: Bounds) -> bool:
    """Move the planned cameras to where ``rig_poses`` has them now, if ``bounds`` are not those they were planned
    for; whether they were not. Cameras that were removed by hand stay away. Raises CaptureError."""
    if scene.hashlight.capture.rig not in GENERATED_RIGS:
        return False
    collection = _find_camera_collection(scene)
    former = None if collection is None else collection.get(_BOUNDS_KEY)
    if former is None or np.allclose(former, _numbers(bounds), rtol=1e-6, atol=1e-6 * bounds.radius):
        return False
    poses = rig_poses(scene, bounds)
    matrices = {pose.name: pose.camera_to_world.tolist() for pose in poses}
    lenses = set()
    for camera in roles.objects_of(scene, "camera"):
        if (matrix := matrices.get(camera.get(_POSE_KEY, ""))) is not None:
            camera.matrix_world = Matrix(matrix)
            lenses.add(camera.data)
    for data in lenses:
        _fit_camera_data(data, bounds, poses)
    collection[_BOUNDS_KEY] = _numbers(bounds)
    return True


def has_planned_cameras(scene: bpy.types.Scene) -> bool:
    """Whether ``plan_cameras`` put any into ``scene``."""
    return next(roles.objects_of(scene, "camera"), None) is not None


def remove_planned_cameras(scene: bpy.types.Scene) -> None:
    """Remove all cameras that ``plan_cameras`` put into ``scene``."""
    for camera in list(roles.objects_of(scene, "camera")):
        data = camera.data
        bpy.data.objects.remove(camera)
        if data.users == 0:
            bpy.data.cameras.remove(data)


def planned_views(scene: bpy.types.Scene) -> list[PlannedView]:
    """The views to capture as the settings of ``scene`` say, training views first. Raises CaptureError if none."""
    settings = scene.hashlight.capture
    if settings.rig in GENERATED_RIGS:
        cameras = {camera.name: camera.get(_SPLIT_KEY, "train") for camera in roles.objects_of(scene, "camera")}
        views = [PlannedView(name, cameras[camera], camera) for camera, name in _file_names(cameras).items()]
        if not views:
            raise CaptureError("There are no planned cameras yet: use Plan Cameras first")
        if not any(view.split == "train" for view in views):
            raise CaptureError("Only held-out cameras are left: use Plan Cameras again")
    elif settings.rig == "SCENE_CAMERAS":
        cameras = sorted(obj.name for obj in scene.objects if obj.type == "CAMERA" and not roles.role_of(obj))
        if not cameras:
            raise CaptureError(f"Scene {scene.name} has no camera of its own: add one, or choose another rig")
        held_out = set(rigs.held_out_indices(len(cameras), settings.held_out_views))
        names = _file_names(cameras)
        views = [PlannedView(names[name], _split(index in held_out), name) for index, name in enumerate(cameras)]
    else:
        if scene.camera is None:
            raise CaptureError(f"Scene {scene.name} has no active camera to follow along its animation")
        frames = range(scene.frame_start, scene.frame_end + 1, settings.frame_step)
        held_out = set(rigs.held_out_indices(len(frames), settings.held_out_views))
        views = [
            PlannedView(f"frame_{frame:04d}", _split(index in held_out), None, frame)
            for index, frame in enumerate(frames)
        ]
    return sorted(views, key=lambda view: view.split != "train")


def _file_names(names: Iterable[str]) -> dict[str, str]:
    """Each of ``names``, sorted, with what to call its files: letters, digits, dots, dashes and underscores only, and
    different from the others also where case doesn't count."""
    result: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names):
        stem = re.sub(r"[^0-9A-Za-z._-]", "_", name)[:100].strip(".") or "view"
        candidate, number = stem, 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{stem}_{number}"
        taken.add(candidate.casefold())
        result[name] = candidate
    return result


def _split(is_held_out: bool) -> Split:
    return "test" if is_held_out else "train"


def _directions(settings: bpy.types.PropertyGroup) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the training views, in order of capture, and of the held-out views."""
    low, high = settings.elevation_min, settings.elevation_max
    if settings.rig == "SPHERE":
        low, high = -math.pi / 2, math.pi / 2
    elif settings.rig == "HEMISPHERE":
        low = max(low, 0.0)
    rings = (settings.ring_levels, settings.ring_count) if settings.rig == "RINGS" else None
    return _spread_directions(
        rings, settings.training_views, settings.held_out_views, low, high, settings.jitter, settings.seed
    )


@functools.lru_cache(maxsize=4)  # while the bounds are dragged they stay the same
def _spread_directions(
    rings: tuple[int, int] | None, count: int, held_out: int, low: float, high: float, jitter: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    if rings is not None:
        training = rigs.ring_directions(*rings, low, high)
    else:
        training = rigs.fibonacci_directions(count, low, high)
    training = rigs.jitter_directions(training, jitter, seed, low, high)
    return training[rigs.spread_order(training)], rigs.held_out_directions(held_out, training, low, high)


def _camera_collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The collection of planned cameras in ``scene``; each scene has its own."""
    if (found := _find_camera_collection(scene)) is not None:
        return found
    collection = bpy.data.collections.new(COLLECTION_NAME)
    roles.mark(collection, "cameras")
    scene.collection.children.link(collection)
    return collection


def _find_camera_collection(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    return next((child for child in scene.collection.children if roles.role_of(child) == "cameras"), None)


def _numbers(bounds: Bounds) -> list[float]:
    return [*bounds.minimum.tolist(), *bounds.maximum.tolist()]


def _camera_data(scene: bpy.types.Scene) -> bpy.types.Camera:
    """What all planned cameras share: the opening angle along the shorter side of the picture."""
    width, height = _picture_shape(scene)
    data = bpy.data.cameras.new(COLLECTION_NAME)
    data.sensor_fit = "HORIZONTAL" if width < height else "VERTICAL"
    data.sensor_width = data.sensor_height = 36.0
    data.angle = scene.hashlight.capture.field_of_view
    return data


def _fit_camera_data(data: bpy.types.Camera, bounds: Bounds, poses: list[Pose]) -> None:
    """Have cameras at ``poses`` see all of ``bounds`` and be drawn in proportion to them."""
    positions = np.array([pose.camera_to_world[:3, 3] for pose in poses])
    farthest = float(np.linalg.norm(positions - bounds.center, axis=1).max())
    data.clip_start = min(data.clip_start, bounds.radius * 0.01)
    data.clip_end = max(data.clip_end, 4.0 * farthest)
    data.display_size = bounds.radius * 0.1


def _distance(scene: bpy.types.Scene, bounds: Bounds, directions: np.ndarray) -> float:
    if radius := scene.hashlight.capture.radius:
        return radius
    return rigs.fit_distance(bounds, directions, picture_slopes(scene), scene.hashlight.capture.margin)


def picture_slopes(scene: bpy.types.Scene) -> tuple[float, float]:
    """Half the width and height of what a planned camera sees one metre before it, in metres. Raises CaptureError."""
    width, height = _picture_shape(scene)
    shorter = math.tan(scene.hashlight.capture.field_of_view / 2)
    return shorter * width / min(width, height), shorter * height / min(width, height)


def _picture_shape(scene: bpy.types.Scene) -> tuple[float, float]:
    """Width and height of the picture in units of equal length: pixels need not be square."""
    width, height = capture_size(scene)
    aspect = pixel_aspect(scene)
    return width * aspect[0], height * aspect[1]
