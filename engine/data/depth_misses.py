"""How what one view says of depth fits what another one does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.data.views import View
from engine.link.arrays import Floats
from engine.link.projection import pixel_directions, project

_POINTS_PER_SIDE = 24


def misses_between(one: View, other: View, scale: float = 1.0, is_along_rays: bool = False) -> tuple[Floats, int]:
    """Relative differences between the depths of ``one``'s points and what ``other`` has for them, where that is
    known; and how many points of ``one`` there are."""
    assert one.depth is not None and other.depth is not None
    camera, height, width = one.camera, one.camera.height, one.camera.width
    rows = np.arange(0, height, max(1, height // _POINTS_PER_SIDE))
    columns = np.arange(0, width, max(1, width // _POINTS_PER_SIDE))
    y, x = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    depth = one.depth[y, x].astype(np.float64)
    there_is = is_known(depth)
    y, x, depth = y[there_is], x[there_is], depth[there_is] * scale
    local = pixel_directions(camera, x + 0.5, y + 0.5)
    if is_along_rays:
        local /= np.linalg.norm(local, axis=1, keepdims=True)
    points = camera.position + (local * depth[:, None]) @ camera.camera_to_world[:3, :3].T
    seen = other.camera
    local = (points - seen.position) @ np.linalg.inv(seen.camera_to_world[:3, :3]).T
    column, row = project(seen, local).T
    is_inside = (local[:, 2] < -1e-9) & (column >= 0) & (column < seen.width) & (row >= 0) & (row < seen.height)
    row, column, local = row[is_inside], column[is_inside], local[is_inside]
    there = other.depth[row.astype(np.int64), column.astype(np.int64)].astype(np.float64)
    there_is = is_known(there)
    expected = np.linalg.norm(local, axis=1) if is_along_rays else -local[:, 2]
    misses: Floats = np.abs(there[there_is] * scale / expected[there_is] - 1.0)
    return misses, len(depth)


def is_known(depth: Floats) -> npt.NDArray[np.bool_]:
    """Where depth is known, and not that nothing is there."""
    known: npt.NDArray[np.bool_] = (depth > 0.0) & np.isfinite(depth)
    return known
