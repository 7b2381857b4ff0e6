"""Which objects a capture shows inside its bounds: those that the field will hold, at least in part."""

from __future__ import annotations

import numpy as np

from engine.link.geometry import Bounds

from .surfaces import Geometry
from .surroundings import Surroundings


def objects_within(bounds: Bounds, surroundings: Surroundings) -> list[str]:
    """The names of all objects of ``surroundings`` with a surface that reaches into ``bounds``.

    An object that shows instances counts with all of them.
    """
    names: set[str] = set()
    for geometry in surroundings.geometry.values():
        for matrix, owner in zip(geometry.matrices, geometry.owners, strict=True):
            if owner not in names and _reaches_into(bounds, geometry, matrix):
                names.add(owner)
    return sorted(names)


def _reaches_into(bounds: Bounds, geometry: Geometry, matrix: np.ndarray) -> bool:
    """Whether ``geometry`` at ``matrix`` [4, 4] has a surface in ``bounds``; where its faces are not known, whether the
    box around it meets them."""
    if len(geometry.points) == 0:
        return False
    points = geometry.points @ matrix[:3, :3].T + matrix[:3, 3]
    if not _meets(bounds, points.min(axis=0), points.max(axis=0)):
        return False
    is_inside = ((points >= bounds.minimum) & (points <= bounds.maximum)).all(axis=1)
    if geometry.is_box or geometry.corners is None or is_inside.any():
        return True
    return _has_face_within(bounds, points, geometry.corners, geometry.starts)


def _has_face_within(bounds: Bounds, points: np.ndarray, corners: np.ndarray, starts: np.ndarray | int) -> bool:
    """Whether a face meets the bounds whose corners are all outside: its box does, and its plane cuts through them.

    ``points`` [n, 3] in world space; ``corners`` and ``starts`` as in ``Geometry``. A face that passes close by an edge
    of the bounds may count as well.
    """
    first = np.arange(0, len(corners), starts) if isinstance(starts, int) else starts
    around = points[corners]
    low, high = np.minimum.reduceat(around, first), np.maximum.reduceat(around, first)
    near = first[np.all((low <= bounds.maximum) & (high >= bounds.minimum), axis=1)]
    origin = around[near]
    normal = np.cross(around[near + 1] - origin, around[near + 2] - origin)
    distance = np.abs(((bounds.center - origin) * normal).sum(axis=1))
    return bool((distance <= np.abs(normal) @ (0.5 * bounds.size)).any())


def _meets(bounds: Bounds, low: np.ndarray, high: np.ndarray) -> bool:
    return bool((low <= bounds.maximum).all() and (high >= bounds.minimum).all())
