"""Where the subject of a reconstruction lies, from the points that it knows to be seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.data.bounds import Extent, guess_photographed_extent
from engine.link.arrays import Floats
from engine.link.geometry import MAX_CASCADES, Bounds, Camera

FEWEST_POINTS = 16
_OUTLIERS = 0.1  # percent of the points on each side of each axis, that are wrong as a rule
_MARGIN = 0.05  # of the longest edge, on each side of a subject before nothing
_MOST_OF_THEM = 5.0  # percent on each side that the bounds of a place leave out
_FAR = 1.0  # percent on each side that the whole scene leaves out


def extent_of_points(points: Floats, cameras: Sequence[Camera], is_photographed: bool) -> Extent:
    """The extent that ``points`` [n, 3] tell of, n of FEWEST_POINTS or more.

    A subject before nothing is what they are on. Of photographs (``is_photographed``) the subject is what cameras look
    at, if they look at something among the points, else the place in which most points are; around that the scene goes
    on as far as points and cameras do.
    """
    if not is_photographed:
        low, high = np.percentile(points, (_OUTLIERS, 100.0 - _OUTLIERS), axis=0)
        margin = _MARGIN * float((high - low).max()) + 1e-6 * (1.0 + float(np.abs(points).max()))
        return Extent(Bounds(low - margin, high + margin))
    low, high = np.percentile(points, (_MOST_OF_THEM, 100.0 - _MOST_OF_THEM), axis=0)
    bounds = guess_photographed_extent(cameras).bounds
    holds_cameras = _holds(bounds, np.array([camera.position for camera in cameras]))
    if holds_cameras or not ((bounds.center >= low) & (bounds.center <= high)).all():
        half = max(float((high - low).max()) / 2, 1e-6 * (1.0 + float(np.abs(points).max())))
        bounds = Bounds((low + high) / 2 - half, (low + high) / 2 + half)
    reach = np.concatenate(
        [np.percentile(points, (_FAR, 100.0 - _FAR), axis=0), [camera.position for camera in cameras]]
    )
    farthest = float(np.abs(reach - bounds.center).max()) / (float(bounds.size.max()) / 2)
    return Extent(bounds, min(1 + math.ceil(math.log2(max(farthest, 2.0))), MAX_CASCADES))


def _holds(bounds: Bounds, points: Floats) -> bool:
    return bool(((points >= bounds.minimum) & (points <= bounds.maximum)).all())
