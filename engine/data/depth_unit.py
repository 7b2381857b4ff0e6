"""Whether captured depth is what it is taken for, planar and in the unit of the poses: what one view shows must be
where the others see it."""

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
_POWERS_OF_TEN = (1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)
_SCALES = tuple(10.0 ** (step / 16) for step in range(-48, 49))  # so near to each other that the true one agrees
# Another scale is told of if at least this share of the points agrees by it, and so many times as many as by 1.
_LEAST_SHARE, _BETTER = 0.25, 2.5
# Depth is told to be along rays if that fits so many times as well, and planar depth misses by more than this.
_FITS_BETTER, _MISSES = 2.0, 0.005


def check_depth_unit(views: Sequence[View]) -> list[str]:
    """A warning where depth pictures agree with each other only if they are scaled, or taken along rays."""
    known = [view for view in views if view.depth is not None and _is_known(view.depth).any()]
    if len(known) < 2:
        return []
    stride = max(1, len(known) // _PAIRS)
    pairs = [(one, known[(at + 1) % len(known)]) for at, one in enumerate(known)][::stride]
    as_is = _share(pairs, 1.0)
    for scales in (_POWERS_OF_TEN, _SCALES) if _BETTER * as_is <= 1.0 else ():
        shares = {scale: _share(pairs, scale) for scale in scales}
        best = max(shares, key=lambda scale: (shares[scale], scale == 1.0))
        if shares[best] >= max(_LEAST_SHARE, _BETTER * as_is):
            return [
                f"the depth pictures don't fit the poses: {as_is:.0%} of what they show is where other views see it, "
                f"and {shares[best]:.0%} if depth is multiplied by {best:.3g}; name their unit as integer_depth_scale "
                "(of whole numbers) or depth_unit_scale_factor (of all)"
            ]
    planar, along_rays = (_typical_miss(pairs, is_along_rays) for is_along_rays in (False, True))
    if planar > max(_MISSES, _FITS_BETTER * along_rays):
        return [
            f"the depth pictures fit the poses to {planar:.1%} of a depth, and to {along_rays:.1%} if they hold "
            "distances along rays: they are taken for planar depth, along the camera's axis; store that instead"
        ]
    return []


_Pairs = Sequence[tuple[View, View]]


def _share(pairs: _Pairs, scale: float) -> float:
    """The share of the points of the first view of each pair, within the other's picture, that this one has the same
    depth for."""
    shares = []
    for one, other in pairs:
        misses, points = _misses(one, other, scale)
        shares.append(float((misses < _AGREEMENT).sum()) / points if points else 0.0)
    return float(np.mean(shares))


def _typical_miss(pairs: _Pairs, is_along_rays: bool) -> float:
    """The median relative difference, of the points that both views see."""
    misses = np.concatenate([_misses(one, other, 1.0, is_along_rays)[0] for one, other in pairs])
    misses = misses[misses < _AGREEMENT]
    return float(np.median(misses)) if len(misses) else 0.0


def _misses(one: View, other: View, scale: float, is_along_rays: bool = False) -> tuple[Floats, int]:
    """By how much of a depth what ``other`` has for the points of ``one`` within its picture differs, where it is
    known; and how many points of ``one`` there are."""
    assert one.depth is not None and other.depth is not None
    camera, height, width = one.camera, one.camera.height, one.camera.width
    rows = np.arange(0, height, max(1, height // _POINTS_PER_SIDE))
    columns = np.arange(0, width, max(1, width // _POINTS_PER_SIDE))
    y, x = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    depth = one.depth[y, x].astype(np.float64)
    is_known = _is_known(depth)
    y, x, depth = y[is_known], x[is_known], depth[is_known] * scale
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
    is_known = _is_known(there)
    expected = np.linalg.norm(local, axis=1) if is_along_rays else -local[:, 2]
    misses: Floats = np.abs(there[is_known] * scale / expected[is_known] - 1.0)
    return misses, len(depth)


def _is_known(depth: Floats) -> npt.NDArray[np.bool_]:
    is_known: npt.NDArray[np.bool_] = (depth > 0.0) & np.isfinite(depth)
    return is_known
