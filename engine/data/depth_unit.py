"""Whether captured depth is in the unit of the poses: what one view shows must be where the others see it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.data.views import View
from engine.link.arrays import Floats
from engine.link.projection import pixel_directions, project

_PAIRS = 8
_POINTS_PER_SIDE = 48
_AGREEMENT = 0.1  # of a depth
_SCALES = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)
# Another scale is told of if at least this share of the points agrees by it, and so many times as many as by 1.
_LEAST_SHARE, _BETTER = 0.25, 2.5


def check_depth_unit(views: Sequence[View]) -> list[str]:
    """A warning where depth pictures agree with each other only if they are scaled by a power of ten."""
    known = [view for view in views if view.depth is not None and _is_known(view.depth).any()]
    if len(known) < 2:
        return []
    stride = max(1, len(known) // _PAIRS)
    pairs = [(one, known[(at + 1) % len(known)]) for at, one in enumerate(known)][::stride]
    shares = {scale: float(np.mean([_agreement(one, other, scale) for one, other in pairs])) for scale in _SCALES}
    best = max(shares, key=lambda scale: (shares[scale], scale == 1.0))
    if shares[best] < max(_LEAST_SHARE, _BETTER * shares[1.0]):
        return []
    return [
        f"the depth pictures don't fit the poses: {shares[1.0]:.0%} of what they show is where other views see it, and "
        f"{shares[best]:.0%} if depth is multiplied by {best:g}; name their unit as integer_depth_scale (of whole "
        "numbers) or depth_unit_scale_factor (of all)"
    ]


def _agreement(one: View, other: View, scale: float) -> float:
    """The share of the points of ``one`` within the picture of ``other`` that this one has the same depth for."""
    assert one.depth is not None and other.depth is not None
    camera, height, width = one.camera, one.camera.height, one.camera.width
    rows = np.arange(0, height, max(1, height // _POINTS_PER_SIDE))
    columns = np.arange(0, width, max(1, width // _POINTS_PER_SIDE))
    y, x = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    depth = one.depth[y, x].astype(np.float64)
    is_known = _is_known(depth)
    y, x, depth = y[is_known], x[is_known], depth[is_known] * scale
    local = pixel_directions(camera, x + 0.5, y + 0.5)
    points = camera.position + (local * depth[:, None]) @ camera.camera_to_world[:3, :3].T
    seen = other.camera
    local = (points - seen.position) @ np.linalg.inv(seen.camera_to_world[:3, :3]).T
    z = np.maximum(-local[:, 2], 1e-9)
    column, row = project(seen, local).T
    is_inside = (local[:, 2] < 0.0) & (column >= 0) & (column < seen.width) & (row >= 0) & (row < seen.height)
    if not is_inside.any():
        return 0.0
    there = other.depth[row[is_inside].astype(np.int64), column[is_inside].astype(np.int64)].astype(np.float64)
    is_known = _is_known(there)
    agree = np.abs(there[is_known] * scale / z[is_inside][is_known] - 1.0) < _AGREEMENT
    return float(agree.sum()) / len(depth)


def _is_known(depth: Floats) -> npt.NDArray[np.bool_]:
    is_known: npt.NDArray[np.bool_] = (depth > 0.0) & np.isfinite(depth)
    return is_known
