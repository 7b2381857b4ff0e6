"""Planned cameras and what stands around the subject: walls, backdrops, what lies outside the bounds. No Blender."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.link.geometry import Bounds

from .layouts.layout import AroundLayout, Layout
from .layouts.table import LAYOUTS
from .plan import Pose
from .plan_warnings import FIT, OUTSIDE, PlanWarning, leave_out, list_names, use_layout
from .room_views import room_around
from .surfaces import triangles_of
from .surroundings import Surroundings

_CUT = 0.02  # of the box's size may stick out before that is told
_MOST_OUTSIDE = 0.5  # of an object that belongs to the subject
_WIDE = 0.9  # of the bounds' size, along two axes, is what hides them from cameras behind it
_MOST_HIDDEN = 0.6  # of the cameras: what hides the middle from more is the subject itself
_ONE_SIDED = 0.45  # the length of the mean of directions that lie on one side; half a sphere has 0.5
_MOST_TRIANGLES = 200_000  # of a surface, to look for backdrops among; finer ones are coarsened
_CELLS = 96  # of a grid along the longest side, to which they are
_BULKY = 0.15  # of the bounds' volume is within a closed surface that belongs to the subject; walls are thinner
_CLOSED = 1e-3  # of a surface's area is the sum of its faces' areas as vectors, at most, if it is closed


def check_surroundings(
    surroundings: Surroundings, poses: list[Pose], bounds: Bounds, layout: Layout, eye: np.ndarray | None
) -> list[PlanWarning]:
    """Warnings of cameras outside the room that is meant, or behind a backdrop, and of what the bounds leave out.

    ``eye`` [3]: where the scene camera is.
    """
    warnings = []
    is_around = isinstance(layout, AroundLayout)
    room = _check_room(surroundings, poses, bounds, eye) if is_around and eye is not None else None
    if room is not None:
        warnings.append(room)
    elif poses:
        warnings.extend(_check_backdrops(surroundings, poses, bounds, layout))
    if layout.identifier != "INSIDE":  # what is seen through windows, and the walls' outer sides, are left out
        warnings.extend(_check_outside(surroundings, bounds))
    return warnings


def _check_room(surroundings: Surroundings, poses: list[Pose], bounds: Bounds, eye: np.ndarray) -> PlanWarning | None:
    if not poses or not ((eye > bounds.minimum) & (eye < bounds.maximum)).all():
        return None
    found = room_around(surroundings.triangles, bounds, eye)
    if found is None:
        return None
    space, room = found
    low, high = space.box_around(room, surroundings.triangles())
    if not ((high - low) > bounds.size / 2).all():  # the subject is something else, which stands in the room
        return None
    positions = np.array([pose.camera_to_world[:3, 3] for pose in poses])
    outside = int((~((positions > low) & (positions < high)).all(axis=1)).sum())
    if outside <= len(poses) / 2:
        return None
    size = " x ".join(f"{length:.1f}" for length in high - low)
    words = f"The scene camera is in a room of {size} m, but {outside} of {len(poses)} cameras stand outside it. "
    words += f"Use {LAYOUTS['INSIDE'].label} to capture it from within"
    return PlanWarning(words, (use_layout(LAYOUTS["INSIDE"]),))


def _check_backdrops(
    surroundings: Surroundings, poses: list[Pose], bounds: Bounds, layout: Layout
) -> Iterator[PlanWarning]:
    positions = np.array([pose.camera_to_world[:3, 3] for pose in poses])
    hidden: dict[str, np.ndarray] = {}  # which cameras each object hides the middle of the bounds from
    for geometry in surroundings.geometry.values():
        corners = triangles_of(geometry)
        if geometry.is_box or not len(corners):
            continue
        for points, owner in zip(geometry.world_points(), geometry.owners, strict=True):
            size = points.max(axis=0) - points.min(axis=0)
            if (size < _WIDE * bounds.size).sum() >= 2:
                continue
            if len(corners) > _MOST_TRIANGLES:
                triangles = _coarsen(points, corners)
            else:
                triangles = points[corners].astype(np.float64)
            share_inside = 1.0 - _share_outside(points, bounds)  # a wall may be large, and none of it in the bounds
            if share_inside * _enclosed_volume(triangles) < _BULKY * bounds.size.prod():
                is_hidden = _crossed(triangles, positions, bounds.center)
                hidden[owner] = hidden.get(owner, False) | is_hidden
    for owner, is_hidden in hidden.items():
        if not 0.0 < is_hidden.mean() <= _MOST_HIDDEN or not _is_one_sided(positions[is_hidden] - bounds.center):
            continue
        names = [pose.name for pose, wanted in zip(poses, is_hidden, strict=True) if wanted]
        words = f"{owner} hides the subject from {len(names)} of {len(poses)} cameras: {list_names(names)}. "
        words += "Choose cameras before it, or leave it out"
        is_below = (positions[is_hidden][:, 2] < bounds.center[2]).all()
        better = LAYOUTS["HEMISPHERE" if layout.identifier == "SPHERE" and is_below else "FRONT_ARC"]
        cures = [use_layout(better)] if layout.is_generated and better is not layout else []
        yield PlanWarning(words, (*cures, leave_out([owner])))


def _coarsen(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Triangles [t, 3, 3] float64 that are about those with ``corners`` [n, 3] among ``points`` [p, 3]: all points in
    one cell of a grid are one."""
    low = points.min(axis=0)
    cells = np.round((points - low) * (_CELLS / (points.max(axis=0) - low).max())).astype(np.int64)
    numbers = (cells * np.array([1, _CELLS + 1, (_CELLS + 1) ** 2])).sum(axis=1)
    _, first, kept = np.unique(numbers, return_index=True, return_inverse=True)
    joined = kept.reshape(-1)[corners]
    joined = joined[(joined != np.roll(joined, 1, axis=1)).all(axis=1)]  # the others have become lines and points
    _, wanted = np.unique(np.sort(joined, axis=1), axis=0, return_index=True)
    return points[first][joined[wanted]].astype(np.float64)


def _is_one_sided(offsets: np.ndarray) -> bool:
    """Whether ``offsets`` [n, 3] point to one side: what hides from all sides belongs to the subject."""
    directions = offsets / np.maximum(np.linalg.norm(offsets, axis=1, keepdims=True), 1e-9)
    return bool(np.linalg.norm(directions.mean(axis=0)) > _ONE_SIDED)


def _enclosed_volume(triangles: np.ndarray) -> float:
    """The volume within ``triangles`` [t, 3, 3], by the divergence theorem; 0 where their surface isn't closed."""
    edges = triangles - triangles[:, :1]
    areas = np.cross(edges[:, 1], edges[:, 2]) / 2.0
    if np.linalg.norm(areas.sum(axis=0)) > _CLOSED * np.linalg.norm(areas, axis=1).sum():
        return 0.0
    return abs(float(((triangles[:, 0] - triangles[0, 0]) * areas).sum() / 3.0))


def _crossed(triangles: np.ndarray, origins: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Which of the lines from ``origins`` [n, 3] to ``target`` [3] go through ``triangles`` [t, 3, 3], as [n]; by the
    signs of the volumes between a line and a triangle's edges."""
    a, b, c = triangles[:, 0] - target, triangles[:, 1] - target, triangles[:, 2] - target
    normals = np.cross(b - a, c - a)
    offset = (a * normals).sum(axis=1)
    result = np.zeros(len(origins), bool)
    for index, ray in enumerate(origins - target):
        facing = normals @ ray
        edges = np.stack([np.cross(one, other) @ ray for one, other in ((a, b), (b, c), (c, a))])
        is_through = (edges > 0.0).all(axis=0) | (edges < 0.0).all(axis=0)
        is_between = (offset * facing > 0.0) & (np.abs(offset) < np.abs(facing))
        result[index] = (is_through & is_between).any()
    return result


def _check_outside(surroundings: Surroundings, bounds: Bounds) -> Iterator[PlanWarning]:
    outside: dict[str, float] = {}
    for geometry in surroundings.geometry.values():
        if len(geometry.points):
            for points, owner in zip(geometry.world_points(), geometry.owners, strict=True):
                outside[owner] = max(outside.get(owner, 0.0), _share_outside(points, bounds))
    cut = {owner: share for owner, share in outside.items() if share > 0.0}
    if not cut:
        return
    worst = sorted(cut, key=lambda owner: (-cut[owner], owner))
    words = f"Parts of {len(cut)} object{'' if len(cut) == 1 else 's'} {OUTSIDE}: "
    words += list_names([f"{name} ({cut[name]:.0%})" for name in worst])
    words += ". They are in the pictures, but not learnt: "
    far = [owner for owner in worst if cut[owner] > _MOST_OUTSIDE]
    if far and len(far) < len(outside):
        yield PlanWarning(f"{words}leave them out, or fit the bounds", (leave_out(far), FIT))
    else:
        yield PlanWarning(f"{words}fit the bounds", (FIT,))


def _share_outside(points: np.ndarray, bounds: Bounds) -> float:
    """Which share (0..1) of the box of ``points`` [n, 3] lies outside ``bounds``; 0 for what hardly sticks out."""
    low, high = points.min(axis=0), points.max(axis=0)
    slack = _CUT * bounds.size
    if (low >= bounds.minimum - slack).all() and (high <= bounds.maximum + slack).all():
        return 0.0
    size = np.maximum(high - low, 1e-9)
    inside = np.clip(np.minimum(high, bounds.maximum) - np.maximum(low, bounds.minimum), 0.0, None)
    inside = np.where((size <= 1e-6) & (low <= bounds.maximum) & (low >= bounds.minimum), size, inside)
    return max(float(1.0 - (inside / size).prod()), 0.01)
