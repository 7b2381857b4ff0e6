"""What is visible inside the bounds, as the few points that decide how cameras are framed. No Blender: it may take a
while and is done in a thread."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from engine.link.framing import extreme_points
from engine.link.geometry import Bounds

from .rigs import box_corners
from .surfaces import Geometry, triangles_of
from .surroundings import Surroundings

# Instances of one surface of many points: above the first number it is known by 200 of them, above the second by 60.
_FEW, _MANY = 10, 64
_MOST_CUT = 200  # instances of one surface to be cut at the bounds; of others the box around them is
_MOST_FACES = 3_000_000  # to look at one by one; of finer surfaces the points will do
_BLOCK = 30_000  # triangles or points at once: numpy holds the GIL while it gathers them
_KEPT = 200_000  # points, above which those that aren't extreme are thrown away in between


def find_visible_points(surroundings: Surroundings, bounds: Bounds) -> np.ndarray | None:
    """Extreme points [n, 3] float64, in world space, of all surfaces inside ``bounds``; surfaces that go on outside are
    cut there. None when nothing is inside, or not everything could be read."""
    if not surroundings.is_whole:
        return None
    slack = 1e-6 * bounds.radius
    low, high = bounds.minimum - slack, bounds.maximum + slack
    found: list[np.ndarray] = [np.zeros((0, 3))]
    count = 0
    for geometry in list(surroundings.geometry.values()):
        if len(geometry.points):
            for points in _points_inside(geometry, low, high):
                found.append(points)
                count += len(points)
                if count > _KEPT:
                    found = [extreme_points(np.concatenate(found))]
                    count = len(found[0])
    points = extreme_points(np.concatenate(found))
    if len(points) == 0 or not np.ptp(points, axis=0).max() > 1e-6 * bounds.radius:
        return None
    return np.clip(points, bounds.minimum, bounds.maximum)


def clip_points(points: np.ndarray, bounds: Bounds) -> np.ndarray | None:
    """Those of ``points`` [n, 3] that are inside ``bounds``; None where they are too few to go by."""
    inside = points[((points >= bounds.minimum) & (points <= bounds.maximum)).all(axis=1)]
    return inside if len(inside) >= 4 else None


def _points_inside(geometry: Geometry, low: np.ndarray, high: np.ndarray) -> Iterator[np.ndarray]:
    """Points of a surface, wherever it stands, between the corners ``low`` and ``high`` of a box."""
    matrices = np.array(geometry.matrices)
    box = box_corners(geometry.points.min(axis=0), geometry.points.max(axis=0)).astype(np.float64)
    corners = box @ matrices[:, :3, :3].transpose(0, 2, 1) + matrices[:, None, :3, 3]  # [instances, 8, 3]
    lowest, highest = corners.min(axis=1), corners.max(axis=1)
    is_inside = ((lowest >= low) & (highest <= high)).all(axis=1)
    is_cut = ((lowest <= high) & (highest >= low)).all(axis=1) & ~is_inside
    whole = matrices[is_inside]
    if len(whole):
        few = geometry.points
        if len(few) * len(whole) > _KEPT // 2:
            few = extreme_points(few, 1500 if len(whole) <= _FEW else 200 if len(whole) <= _MANY else 60)
        few = few.astype(np.float64)
        step = max(_BLOCK // len(few), 1)
        for start in range(0, len(whole), step):
            some = whole[start : start + step]
            yield (few @ some[:, :3, :3].transpose(0, 2, 1) + some[:, None, :3, 3]).reshape(-1, 3)
    cut = np.flatnonzero(is_cut)
    faces = 0 if geometry.corners is None else len(geometry.corners) // 3
    for count, index in enumerate(cut):
        if count >= _MOST_CUT:
            yield np.clip(corners[index], low, high)
        else:
            yield from _cut(geometry, matrices[index], low, high, with_faces=faces * (count + 1) <= _MOST_FACES)


def _cut(
    geometry: Geometry, matrix: np.ndarray, low: np.ndarray, high: np.ndarray, with_faces: bool
) -> Iterator[np.ndarray]:
    """Points of one instance of a surface that lie in the box, and those where the box cuts it."""
    world = np.concatenate(
        [
            geometry.points[start : start + _BLOCK] @ matrix[:3, :3].T + matrix[:3, 3]
            for start in range(0, len(geometry.points), _BLOCK)
        ]
    )
    # A bit for each of the box's planes that a point is beyond.
    beyond = ((world < low) @ np.array([1, 2, 4]) + (world > high) @ np.array([8, 16, 32])).astype(np.uint8)
    yield extreme_points(world[beyond == 0])
    if geometry.is_box and abs(np.linalg.det(matrix[:3, :3])) > 1e-12:
        inverse = np.linalg.inv(matrix)
        corners = box_corners(low, high)
        local = corners @ inverse[:3, :3].T + inverse[:3, 3]
        inner_low, inner_high = geometry.points.min(axis=0), geometry.points.max(axis=0)
        yield corners[((local >= inner_low) & (local <= inner_high)).all(axis=1)]
    if not with_faces:
        return
    triangles = triangles_of(geometry)
    for start in range(0, len(triangles), _BLOCK):
        some = triangles[start : start + _BLOCK]
        a, b, c = (beyond[some[:, corner]] for corner in range(3))
        crossing = some[((a | b | c) != 0) & ((a & b & c) == 0)]
        if len(crossing):
            yield _cut_triangles(world[crossing], low, high)


def _cut_triangles(corners: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Points [n, 3] where the sides of triangles ``corners`` [t, 3, 3] go through a box's faces, and where its edges go
    through the triangles."""
    slack = 1e-9 * float(np.linalg.norm(high - low))
    found = []
    starts, ends = corners.reshape(-1, 3), corners[:, (1, 2, 0)].reshape(-1, 3)
    for axis, plane in itertools.product(range(3), (low, high)):
        span = ends[:, axis] - starts[:, axis]
        crosses = (starts[:, axis] < plane[axis]) != (ends[:, axis] < plane[axis])
        share = (plane[axis] - starts[crosses, axis]) / span[crosses]
        points = starts[crosses] + share[:, None] * (ends[crosses] - starts[crosses])
        points[:, axis] = plane[axis]
        found.append(points)
    for axis in range(3):
        across = [other for other in range(3) if other != axis]
        for first, second in itertools.product((low, high), (low, high)):
            place = np.array([first[across[0]], second[across[1]]])
            a, b, c = np.moveaxis(corners[..., across] - place, 1, 0)
            weights = np.stack((_cross(b, c), _cross(c, a), _cross(a, b)), axis=1)
            area = weights.sum(axis=1)
            hit = (area != 0.0) & ((weights >= 0.0).all(axis=1) | (weights <= 0.0).all(axis=1))
            points = np.empty((int(hit.sum()), 3))
            points[:, across] = place
            points[:, axis] = (weights[hit] * corners[hit][..., axis]).sum(axis=1) / area[hit]
            found.append(points)
    points = np.concatenate(found)
    return points[((points >= low - slack) & (points <= high + slack)).all(axis=1)]


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
