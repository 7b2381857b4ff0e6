"""What may be wrong with planned cameras, told from arrays before anything is rendered. No Blender: it may take a while
and is done in a thread."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from engine.link.geometry import Bounds

from .backdrop_checks import check_surroundings
from .bounds import PADDING
from .box_checks import check_distance, check_size
from .clipping_checks import check_clipping
from .plan import Pose
from .plan_warnings import CAMERAS, MESHES, PlanWarning, list_names, select
from .scene_checks import check_animation, check_scene
from .scene_facts import SceneFacts
from .settings_checks import check_settings
from .surfaces import Geometry, triangles_of
from .surroundings import Surroundings

_ROOM = 0.9  # of the bounds' size is that of a room
_WITHIN = 0.9  # of it: what is nearer to their middle is in the room, rather than a part of its walls
_SAMPLES = 4000  # points on a surface by which it is known whether a camera sees some of it
_LOOKS = 7  # rays across and down a picture in which no such point is
_PLACES = 500  # of a surface that is there many times, to look at
_AXES = ((0, 1, 2), (1, 2, 0), (2, 0, 1))


def find_plan_warnings(
    surroundings: Surroundings, facts: SceneFacts, poses: list[Pose], bounds: Bounds | None
) -> list[PlanWarning]:
    """What is wrong with cameras at ``poses`` and with ``bounds``, and what of the scene can't be captured well."""
    warnings = [PlanWarning(facts.fault)] if facts.fault else []
    # Inside, cameras may stand in a mesh if that is the walls of a room.
    is_inside = facts.layout.identifier == "INSIDE" and bounds is not None
    is_room = is_inside and _hold_room(bounds, surroundings, facts.eye)
    warnings += _check_cameras(surroundings, poses, bounds if is_room else None)
    if bounds is not None:
        warnings += check_distance(bounds)
        warnings += check_clipping(poses, facts.clips, bounds)
        # A room may be far larger than what is in it.
        giants = [] if facts.layout.identifier == "INSIDE" else list(check_size(surroundings, bounds, facts.width))
        # What dwarfs the rest is a sky around the scene camera rather than a room that it is in.
        eye = None if giants else facts.eye
        warnings += check_surroundings(surroundings, poses, bounds, facts.layout, eye)
        warnings += giants
    of_scene = check_scene(facts, surroundings, bounds)
    return [*warnings, *check_animation(surroundings, poses, bounds, facts), *of_scene, *check_settings(facts, bounds)]


def _check_cameras(surroundings: Surroundings, poses: list[Pose], room: Bounds | None) -> Iterator[PlanWarning]:
    """Warnings of cameras that stand inside a mesh or see nothing. ``room``: the bounds of one whose walls are none of
    these meshes."""
    everything = [geometry for geometry in surroundings.geometry.values() if len(geometry.points)]
    inside, around = np.zeros(len(poses), bool), set[str]()
    seeing = np.zeros(len(poses), bool)
    positions = np.array([pose.camera_to_world[:3, 3] for pose in poses]).reshape(-1, 3)
    for geometry in everything:
        if room is None or not _holds(geometry, room):
            stands_inside, owners = _stand_inside(geometry, positions)
            inside |= stands_inside
            around |= owners
        seeing |= _see(_samples(geometry), poses, seeing)
    for index in np.flatnonzero(~seeing & ~inside):  # what is far larger than the picture may have no sample in it
        seeing[index] = any(_fills(geometry, poses[index]) for geometry in everything)
    if inside.any():
        cures = select(_cameras(poses, inside), CAMERAS), select(sorted(around), MESHES)
        yield PlanWarning(f"Inside a mesh: {_list(poses, inside)}", cures)
    blind = ~seeing & ~inside
    if blind.any() and surroundings.is_whole:
        yield PlanWarning(f"Seeing nothing: {_list(poses, blind)}", (select(_cameras(poses, blind), CAMERAS),))


def _holds(geometry: Geometry, bounds: Bounds) -> bool:
    """Whether a surface is as large as the bounds: the walls of a room, whichever way they face."""
    fitted = bounds.size - 2 * PADDING * np.linalg.norm(bounds.size)  # much less than the bounds of a low, wide room
    return any((np.ptp(points, axis=0) > _ROOM * fitted).all() for points in geometry.world_points())


def _hold_room(bounds: Bounds, surroundings: Surroundings, eye: np.ndarray | None) -> bool:
    """Whether the scene camera, which stands at ``eye`` [3], or a surface besides the walls is well within ``bounds``:
    what they hold is a room, and not just something hollow."""
    reach = _WITHIN * bounds.size / 2
    others = [each for each in surroundings.geometry.values() if len(each.points) and not _holds(each, bounds)]
    places = (points for each in others for points in each.world_points())
    eyes = () if eye is None else (eye[None],)
    return any((np.abs(points - bounds.center) < reach).all(axis=1).any() for points in itertools.chain(eyes, places))


def _samples(geometry: Geometry) -> np.ndarray:
    """Points [n, 3] in world space spread over the surface, wherever it stands."""
    # A few faces have to do: numpy holds the GIL while it gathers corners, and Blender's window would wait for it.
    triangles = triangles_of(geometry, most_faces=5 * _SAMPLES)
    points = geometry.points.astype(np.float64)
    random = np.random.default_rng(0)
    if len(triangles):
        a, b, c = (points[triangles[:, corner]] for corner in range(3))
        areas = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
        if areas[-1] > 0.0:
            picked = np.searchsorted(areas, random.random(_SAMPLES) * areas[-1])
            u, v = random.random((2, _SAMPLES, 1))
            u, v = np.where(u + v > 1.0, 1.0 - u, u), np.where(u + v > 1.0, 1.0 - v, v)
            on_faces = a[picked] + u * (b[picked] - a[picked]) + v * (c[picked] - a[picked])
            points = np.concatenate((points[:: max(len(points) // 500, 1)], on_faces))
    points = points[:: max(len(points) // (_SAMPLES + 500), 1)]
    places = geometry.matrices[:: max(len(geometry.matrices) // _PLACES, 1)]
    if len(places) > 1:
        points = points[:: max(len(points) * len(places) // (20 * _SAMPLES), 1)]
    return np.concatenate([points @ matrix[:3, :3].T + matrix[:3, 3] for matrix in places])


def _see(points: np.ndarray, poses: list[Pose], known: np.ndarray) -> np.ndarray:
    """Which cameras [p] have one of ``points`` [n, 3] in their picture, those that are ``known`` to left out."""
    seeing = np.zeros(len(poses), bool)
    for index, pose in enumerate(poses):
        if not known[index]:
            local = (points - pose.camera_to_world[:3, 3]) @ pose.camera_to_world[:3, :3]
            depth = -local[:, 2]
            is_across = np.abs(local[:, 0]) < pose.slopes[0] * depth
            seeing[index] = (is_across & (np.abs(local[:, 1]) < pose.slopes[1] * depth)).any()
    return seeing


def _fills(geometry: Geometry, pose: Pose) -> bool:
    """Whether a surface is hit by rays through the camera's picture."""
    triangles = triangles_of(geometry)
    across = np.linspace(-0.9, 0.9, _LOOKS)
    x, y = (axis.reshape(-1) for axis in np.meshgrid(across * pose.slopes[0], across * pose.slopes[1]))
    rays = np.stack((x, y, np.full(len(x), -1.0)), axis=1)
    for matrix in geometry.matrices[:: max(len(geometry.matrices) // _PLACES, 1)]:
        to_camera = np.linalg.inv(pose.camera_to_world) @ matrix
        points = geometry.points @ to_camera[:3, :3].T + to_camera[:3, 3]
        sides = [sign * points[:, axis] > -points[:, 2] * pose.slopes[axis] for axis in (0, 1) for sign in (1, -1)]
        outside = np.stack((*sides, points[:, 2] > 0.0), axis=1)[
            triangles
        ]  # which planes of the view, corner by corner
        corners = points[triangles[~outside.all(axis=1).any(axis=1)]]
        for part in np.array_split(corners, len(corners) // 10_000 + 1):
            a, b, c = part[:, 0], part[:, 1], part[:, 2]
            weights = np.stack([rays @ np.cross(one, other).T for one, other in ((b, c), (c, a), (a, b))])
            is_through = (weights > 0.0).all(axis=0) | (weights < 0.0).all(axis=0)
            volumes = np.einsum("ij,ij->i", a, np.cross(b, c))
            if (is_through & (volumes * weights.sum(axis=0) > 0.0)).any():
                return True
    return False


def _stand_inside(geometry: Geometry, positions: np.ndarray) -> tuple[np.ndarray, set[str]]:
    """Which of ``positions`` [p, 3] in world space have faces that turn their backs to them on most sides [p], and the
    names of the objects that they are inside of."""
    result, around = np.zeros(len(positions), bool), set[str]()
    if geometry.is_box or geometry.corners is None or len(positions) == 0:
        return result, around
    low, high = geometry.points.min(axis=0), geometry.points.max(axis=0)
    corners: np.ndarray | None = None  # of its triangles, once they are needed
    for matrix, owner in zip(geometry.matrices, geometry.owners, strict=True):
        if abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
            continue
        inverse = np.linalg.inv(matrix)
        local = positions @ inverse[:3, :3].T + inverse[:3, 3]
        # What is mirrored shows the same face: Blender turns its normals round.
        for index in np.flatnonzero(((local > low) & (local < high)).all(axis=1) & ~result):
            corners = geometry.points[triangles_of(geometry)] if corners is None else corners
            if _count_backs(corners, local[index]) > 3:
                result[index] = True
                around.add(owner)
    return result, around


def _count_backs(corners: np.ndarray, position: np.ndarray) -> int:
    """In how many of the six directions along the axes the nearest of triangles ``corners`` [t, 3, 3] is seen from
    behind."""
    count = 0
    for axis, first, second in _AXES:
        flat = corners[..., (first, second)] - position[[first, second]]
        near = np.flatnonzero((flat.min(axis=1) <= 0.0).all(axis=1) & (flat.max(axis=1) >= 0.0).all(axis=1))
        a, b, c = (flat[near, corner].astype(np.float64) for corner in range(3))
        weights = np.stack((_cross(b, c), _cross(c, a), _cross(a, b)), axis=1)
        area = weights.sum(axis=1)  # positive: the front faces up the axis
        is_hit = (area != 0.0) & (((weights >= 0.0).all(axis=1)) | ((weights <= 0.0).all(axis=1)))
        heights = corners[near, :, axis] - position[axis]
        along = (weights[is_hit] * heights[is_hit]).sum(axis=1) / area[is_hit]
        for sign in (1.0, -1.0):
            ahead = np.where(sign * along > 0.0, sign * along, np.inf)
            if len(ahead) and np.isfinite(ahead.min()):
                count += sign * area[is_hit][ahead.argmin()] > 0.0
    return count


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _cameras(poses: list[Pose], wanted: np.ndarray) -> list[str]:
    """The camera objects at those of ``poses`` that are ``wanted`` [p]."""
    return sorted({pose.source for pose, is_wanted in zip(poses, wanted, strict=True) if is_wanted})


def _list(poses: list[Pose], wanted: np.ndarray) -> str:
    names = [pose.name for pose, is_wanted in zip(poses, wanted, strict=True) if is_wanted]
    return f"{list_names(names)} ({len(names)} of {len(poses)} views): move or remove them"
