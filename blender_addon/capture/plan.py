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

from engine.link.framing import frame_subject
from engine.link.geometry import Bounds
from engine.link.messages import Split

from .. import roles
from . import rigs
from .cameras import capture_size, pixel_aspect
from .errors import CaptureError
from .layouts.layout import AroundLayout, FreeLayout, OwnLayout
from .layouts.table import LAYOUTS, layout_of
from .valid_numbers import check_scene

COLLECTION_NAME = "Hashlight Cameras"
GENERATED_RIGS = {layout.identifier for layout in LAYOUTS.values() if layout.is_generated}

_SPLIT_KEY = "hashlight_split"
_POSE_KEY = "hashlight_pose"  # of a planned camera: its name among the rig's poses
_BOUNDS_KEY = "hashlight_bounds"  # of the cameras' collection: the bounds and objects they were planned for
_GUESS_KEY = "hashlight_guessed"  # of that collection, too: framed to what was known, not to what is visible
_FAULT_KEY = "hashlight_fault"  # why cameras could not be planned anew
COLORS: dict[Split, tuple[float, float, float, float]] = {"train": (0.1, 0.5, 1.0, 1.0), "test": (1.0, 0.5, 0.1, 1.0)}


@dataclasses.dataclass(frozen=True)
class PlannedView:
    """A view to capture: through camera object ``camera``, at ``frame`` or whenever. ``name`` is fit for a file on
    every platform, and no other view's."""

    name: str
    split: Split
    camera: str
    frame: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Pose:
    """Where a planned camera is: ``camera_to_world`` [4, 4] float64. ``slopes``: half the width and height of what it
    sees one metre before it, in metres. ``source``: the camera object, once there is one."""

    name: str
    split: Split
    camera_to_world: np.ndarray
    slopes: tuple[float, float]
    source: str = ""


def rig_poses(scene: bpy.types.Scene, bounds: Bounds, subject: np.ndarray) -> list[Pose]:
    """The cameras of the scene's generated rig, training cameras first, in the order of capture. Those of an
    AroundLayout are each framed to ``subject``, points [n, 3] of what is visible inside ``bounds``, or at the chosen
    radius from their middle; a FreeLayout knows what its cameras look at.

    Training cameras are named ``train_000`` on, held-out ones ``test_000`` on. Makes nothing. Raises CaptureError for
    settings that make no rig.
    """
    check_scene(scene)
    settings, layout = scene.hashlight.capture, layout_of(scene)
    slopes = picture_slopes(scene)
    try:
        if isinstance(layout, FreeLayout):
            return _name_poses(*layout.matrices(scene, bounds, subject, slopes), slopes)
        assert isinstance(layout, AroundLayout)
        training, held_out = layout.directions(scene, bounds)
    except ValueError as error:
        raise CaptureError(f"Cameras: {error}") from None
    stretch = np.ones(len(training) + len(held_out))
    stretch[: len(training)] = rigs.jitter_stretch(len(training), settings.jitter, settings.seed)
    directions = np.concatenate((training, held_out))
    if settings.radius:
        matrices = rigs.look_at(bounds.center + directions * (settings.radius * stretch)[:, None], bounds.center)
    else:
        matrices = _frame(subject.tobytes(), directions.tobytes(), slopes, settings.margin, stretch.tobytes())
    return _name_poses(matrices[: len(training)], matrices[len(training) :], slopes)


@functools.lru_cache(maxsize=4)  # a plan is drawn again and again before there are cameras
def _frame(subject: bytes, directions: bytes, slopes: tuple[float, float], margin: float, stretch: bytes) -> np.ndarray:
    matrices = rigs.look_at(np.frombuffer(directions).reshape(-1, 3), np.zeros(3))
    points = np.frombuffer(subject).reshape(-1, 3)
    matrices[:, :3, 3] = frame_subject(points, matrices[:, :3, :3], slopes, margin, np.frombuffer(stretch))
    return matrices


def _name_poses(training: np.ndarray, held_out: np.ndarray, slopes: tuple[float, float]) -> list[Pose]:
    splits: tuple[tuple[Split, np.ndarray], ...] = (("train", training), ("test", held_out))
    return [
        Pose(f"{split}_{index:03d}", split, matrix, slopes)
        for split, matrices in splits
        for index, matrix in enumerate(matrices)
    ]


def plan_cameras(scene: bpy.types.Scene, bounds: Bounds, subject: np.ndarray) -> list[bpy.types.Object]:
    """Replace the planned cameras in ``scene`` by those of ``rig_poses``. Raises CaptureError."""
    poses = rig_poses(scene, bounds, subject)
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
    collection[_BOUNDS_KEY], collection[_GUESS_KEY] = _numbers(scene, bounds), False
    collection[_FAULT_KEY] = ""
    return planned


def has_to_follow(scene: bpy.types.Scene, bounds: Bounds) -> bool:
    """Whether there are planned cameras, and they were planned for other bounds, or for other places of the objects
    that the layout goes by, or framed by a guess, or could not be planned."""
    if scene.hashlight.capture.rig not in GENERATED_RIGS:
        return False
    collection = _find_camera_collection(scene)
    former = None if collection is None else _known_numbers(collection)
    if former is None or not has_planned_cameras(scene):
        return False
    numbers = _numbers(scene, bounds)
    if len(former) != len(numbers) or not np.allclose(former, numbers, rtol=1e-6, atol=1e-6 * bounds.radius):
        return True
    return bool(collection.get(_GUESS_KEY, False))


def follow_bounds(scene: bpy.types.Scene, bounds: Bounds, subject: np.ndarray, is_guess: bool = False) -> None:
    """Move the planned cameras to where ``rig_poses`` has them now. Cameras that were removed by hand stay away, unless
    the layout goes by other objects now, or there was a fault: then all are planned anew. ``is_guess``: ``subject`` is
    one, and cameras framed to it have to follow again, once it is known what is visible. Raises CaptureError."""
    collection = _find_camera_collection(scene)
    assert collection is not None
    numbers = _numbers(scene, bounds)
    if len(_known_numbers(collection) or ()) == len(numbers):
        _move_cameras(scene, bounds, rig_poses(scene, bounds, subject))
    else:
        plan_cameras(scene, bounds, subject)
    collection[_BOUNDS_KEY], collection[_GUESS_KEY] = numbers, is_guess and layout_of(scene).is_framed


def _move_cameras(scene: bpy.types.Scene, bounds: Bounds, poses: list[Pose]) -> None:
    matrices = {pose.name: pose.camera_to_world.tolist() for pose in poses}
    lenses = set()
    for camera in roles.objects_of(scene, "camera"):
        if (matrix := matrices.get(str(camera.get(_POSE_KEY, "")))) is not None:
            camera.matrix_world = Matrix(matrix)
            lenses.add(camera.data)
    for data in lenses:
        _fit_camera_data(data, bounds, poses)


def note_fault(scene: bpy.types.Scene, error: CaptureError) -> None:
    """Have it known that the planned cameras are not what the settings say now, since those make none."""
    if (collection := _find_camera_collection(scene)) is not None:
        collection[_BOUNDS_KEY] = [0.0]
        collection[_FAULT_KEY] = str(error)


def fault(scene: bpy.types.Scene) -> str:
    """Why the planned cameras are not what the settings say; empty if they are."""
    collection = _find_camera_collection(scene)
    return "" if collection is None or not has_planned_cameras(scene) else str(collection.get(_FAULT_KEY, ""))


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
    check_scene(scene)
    settings = scene.hashlight.capture
    if settings.rig in GENERATED_RIGS:
        cameras = {camera.name: _split_of(camera) for camera in roles.objects_of(scene, "camera")}
        views = [PlannedView(name, cameras[camera], camera) for camera, name in _file_names(cameras).items()]
        if not views:
            raise CaptureError("There are no planned cameras yet: use Plan Cameras first")
        if not any(view.split == "train" for view in views):
            raise CaptureError("Only test cameras are left: use Plan Cameras again")
    else:
        layout = layout_of(scene)
        assert isinstance(layout, OwnLayout)
        try:
            sources = layout.sources(scene)
        except ValueError as error:
            raise CaptureError(str(error)) from None
        held_out = set(rigs.held_out_indices(len(sources), settings.held_out_views))
        names = _file_names(source.name for source in sources)
        views = [
            PlannedView(names[source.name], _split(index in held_out), source.camera, source.frame)
            for index, source in enumerate(sources)
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


def _split_of(camera: bpy.types.Object) -> Split:
    """Whether a planned camera is trained on or held out. Raises CaptureError."""
    split = camera.get(_SPLIT_KEY, "train")
    if split not in ("train", "test"):
        raise CaptureError(f"Camera {camera.name}: {_SPLIT_KEY} is {split}, not train or test: use Plan Cameras again")
    return split


def _split(is_held_out: bool) -> Split:
    return "test" if is_held_out else "train"


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


def _known_numbers(collection: bpy.types.Collection) -> list[float] | None:
    """Those of ``_numbers`` that the cameras were planned for; none of them where a script has set something else."""
    former = collection.get(_BOUNDS_KEY)
    try:
        return None if former is None else [float(value) for value in former]
    except (TypeError, ValueError):
        return []


def _numbers(scene: bpy.types.Scene, bounds: Bounds) -> list[float]:
    """What says where the planned cameras stand, besides settings: ``bounds``, and where the objects are that the
    scene's layout goes by."""
    places = [value for obj in layout_of(scene).objects(scene) for row in obj.matrix_world for value in row]
    return [*bounds.minimum.tolist(), *bounds.maximum.tolist(), *places]


def _camera_data(scene: bpy.types.Scene) -> bpy.types.Camera:
    """What all planned cameras share: the opening angle along the shorter side of the picture."""
    width, height = _picture_shape(scene)
    data = bpy.data.cameras.new(COLLECTION_NAME)
    data.sensor_fit = "HORIZONTAL" if width < height else "VERTICAL"
    data.sensor_width = data.sensor_height = 36.0
    data.angle = _field_of_view(scene)
    return data


def _fit_camera_data(data: bpy.types.Camera, bounds: Bounds, poses: list[Pose]) -> None:
    """Have cameras at ``poses`` see all of ``bounds`` and be drawn in proportion to them."""
    positions = np.array([pose.camera_to_world[:3, 3] for pose in poses])
    farthest = float(np.linalg.norm(positions - bounds.center, axis=1).max())
    data.clip_start = min(data.clip_start, bounds.radius * 0.01)
    data.clip_end = max(data.clip_end, 4.0 * farthest)
    data.display_size = bounds.radius * 0.1


def picture_slopes(scene: bpy.types.Scene) -> tuple[float, float]:
    """Half the width and height of what a planned camera sees one metre before it, in metres. Raises CaptureError."""
    width, height = _picture_shape(scene)
    shorter = math.tan(_field_of_view(scene) / 2)
    return shorter * width / min(width, height), shorter * height / min(width, height)


def _field_of_view(scene: bpy.types.Scene) -> float:
    return getattr(scene.hashlight.capture, layout_of(scene).field_of_view)


def _picture_shape(scene: bpy.types.Scene) -> tuple[float, float]:
    """Width and height of the picture in units of equal length: pixels need not be square."""
    width, height = capture_size(scene)
    aspect = pixel_aspect(scene)
    return width * aspect[0], height * aspect[1]
