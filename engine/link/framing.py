"""How large a subject is in pictures, and where cameras stand so that it fills theirs. Both sides frame alike.

Space, axes and units as in ``geometry``. A subject is points in world space, [n, 3], of which only those count that are
extreme in some direction. Slopes are half the width and height of what a camera sees one metre before it, in metres.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats, Numbers
from engine.link.geometry import Camera
from engine.link.projection import project

DEFAULT_MARGIN = 0.05  # room around the subject, as a share of its size in the picture
# However near the neighbouring views are, the subject fills as much as this of a picture's width or height.
LEAST_FILLED = 0.7
# Radians: directions so far apart have distances that differ by a factor of e at most, 1.19 for 10 degrees, unless
# LEAST_FILLED wants more of a subject that looks much smaller from one side.
SCALE_ANGLE = 1.0
_CLEARANCE = 0.05  # of the subject's radius that a camera stays before the subject, however wide its picture is
_COLUMNS = 160  # across what points are cut into, on either of two axes
_MANY = 20_000  # points, from which on they are first looked at in columns
_CAMERAS = 64  # that are fitted at once
_TURNS = 8  # of Newton's method
_BLOCK = 1 << 19  # numbers that are worked on at once: numpy holds the GIL for a few milliseconds at most


def filled_share(alpha: Numbers) -> float:
    """How much of a picture what it shows fills: of ``covered_shares``, the larger one; 0 of an empty picture."""
    return max(covered_shares(alpha))


def covered_shares(alpha: Numbers) -> tuple[float, float]:
    """Which shares (0..1) of a picture's width and height the box around all covered pixels spans.

    ``alpha`` [H, W], any kind of number: a pixel is covered where it is above 0.
    """
    covered = alpha > 0
    columns, rows = (np.flatnonzero(covered.any(axis=axis)) for axis in (0, 1))
    if len(rows) == 0:
        return 0.0, 0.0
    return float(np.ptp(columns) + 1) / alpha.shape[1], float(np.ptp(rows) + 1) / alpha.shape[0]


def pixels_spanned(cameras: Sequence[Camera], points: Floats) -> float:
    """How many pixels a subject is wide or high, whichever is more, in the pictures of ``cameras``: the median. What
    lies outside a picture doesn't count. 0 without cameras."""
    spans = [_pixels_spanned(camera, points) for camera in cameras]
    return float(np.median(spans)) if spans else 0.0


def _pixels_spanned(camera: Camera, points: Floats) -> float:
    local = (points - camera.position) @ camera.camera_to_world[:3, :3]
    before = local[local[:, 2] < 0.0]
    if len(before) == 0:
        return 0.0
    seen = np.clip(project(camera, before), 0.0, [camera.width, camera.height])
    return float(np.ptp(seen, axis=0).max())


def captured_detail(captured: Sequence[Camera], points: Floats) -> Floats:
    """How many pixels a metre across the line of sight takes at each of ``points`` [n, 3] in pictures of ``captured``:
    the median over those that show it [n]. What none shows is like the median of the others; 0 where none shows any."""
    detail = np.full(len(points), np.nan)
    if captured:
        looks = [_pixels_a_metre(camera, points) for camera in captured]
        shown = np.array([np.where(is_shown, pixels, np.nan) for pixels, is_shown in looks])
        is_seen = ~np.isnan(shown).all(axis=0)
        detail[is_seen] = np.nanmedian(shown[:, is_seen], axis=0)
    is_known = ~np.isnan(detail)
    usual = float(np.median(detail[is_known])) if is_known.any() else 0.0
    return np.where(is_known, detail, usual)


def enlargements(frames: Sequence[Camera], points: Floats, detail: Floats) -> Floats:
    """How many times as large as the captured pictures each of ``frames`` shows a subject [f].

    It is the median over those of ``points`` [n, 3] that are in the frame, or over all before the camera where a
    close-up shows none, of the pixels that a metre takes there, by the captured ``detail`` [n] of the point. 0 where
    nothing of the subject lies before the camera, inf where nothing was captured.
    """
    return np.array([_enlargement(camera, points, detail) for camera in frames])


def _enlargement(camera: Camera, points: Floats, detail: Floats) -> float:
    pixels, is_shown = _pixels_a_metre(camera, points)
    counted = is_shown if is_shown.any() else pixels > 0.0
    if not counted.any():
        return 0.0
    with np.errstate(divide="ignore"):
        return float(np.median(pixels[counted] / detail[counted]))


def _pixels_a_metre(camera: Camera, points: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """How many pixels a metre across takes at each of ``points`` (0 behind the camera), and which it shows."""
    local = (points - camera.position) @ camera.camera_to_world[:3, :3]
    depth = np.maximum(-local[:, 2], 1e-9)
    x, y = camera.cx + camera.fx * local[:, 0] / depth, camera.cy - camera.fy * local[:, 1] / depth
    is_before = local[:, 2] < 0.0
    is_shown = is_before & (x >= 0.0) & (x <= camera.width) & (y >= 0.0) & (y <= camera.height)
    return np.where(is_before, math.sqrt(camera.fx * camera.fy) / depth, 0.0), is_shown


def frame_subject(
    points: Floats,
    rotations: Floats,
    slopes: tuple[float, float],
    margin: float = DEFAULT_MARGIN,
    stretch: Floats | None = None,
) -> Floats:
    """Where cameras stand [c, 3] that look as ``rotations`` [c, 3, 3] say (right, up and backward in their columns), so
    that each picture holds all of ``points`` [n, 3], in its middle, and as large as can be.

    ``margin``: free room, as a share of the subject's size in the picture. ``stretch`` [c]: distances that are to be so
    many times as long, 1 or more. Distances of neighbours are evened out as SCALE_ANGLE says, which makes some longer,
    but none so long that less than LEAST_FILLED of the picture's width or height is filled, or what ``margin`` leaves.
    """
    if len(rotations) == 0:
        return np.zeros((0, 3))
    origin = (points.min(axis=0) + points.max(axis=0)) / 2
    reach = points - origin
    fullest = 1.0 / (1.0 + margin)
    blocks = [rotations[start : start + _CAMERAS] for start in range(0, len(rotations), _CAMERAS)]
    near, far = (
        np.concatenate([_fit(reach @ block, (slopes[0] * filled, slopes[1] * filled)) for block in blocks])
        for filled in (fullest, min(LEAST_FILLED, fullest))
    )
    distances = _even_out(rotations[:, :, 2], near)
    if stretch is not None:
        distances = distances * stretch
    distances = np.clip(distances, near, np.maximum(near, far))
    across = [
        _center(reach @ block, distances[index * _CAMERAS : (index + 1) * _CAMERAS])
        for index, block in enumerate(blocks)
    ]
    positions: Floats = origin + np.einsum(
        "cij,cj->ci", rotations, np.column_stack((np.concatenate(across), distances))
    )
    return positions


def fit_turntable(
    points: Floats, levels: Sequence[Floats], slopes: tuple[float, float], lift: float, margin: float
) -> tuple[Floats, float]:
    """The point that all cameras of a turntable look at [3], and how far from it they stand, so that all ``points``
    [n, 3] are in each picture and as large as can be. ``levels``: the rotations [f, 3, 3] of the cameras at one height.

    The point is on the upright line through the subject's middle: where there is as much room above it as below, and
    ``lift`` above that.
    """
    origin = (points.min(axis=0) + points.max(axis=0)) / 2
    reach = points - origin
    width, height = slopes[0] / (1.0 + margin), slopes[1] / (1.0 + margin)
    clearance = _CLEARANCE * float(np.linalg.norm(reach, axis=1).max())
    local = np.stack([(reach @ rotations).reshape(-1, 3) for rotations in levels])
    across, up, towards = np.moveaxis(local, 2, 0)  # [levels, f * n] each
    # Points go down in the picture, and away from the camera, by so much for each metre that the cameras are raised.
    down, away = (np.array([[rotations[0, 2, axis]] for rotations in levels]) for axis in (1, 2))

    def distance_at(raised: float) -> float:
        upwards, nearness = up - raised * down, towards - raised * away
        needed = np.maximum(np.abs(across) / width, np.abs(upwards) / height) + nearness
        return max(float(needed.max()), float(nearness.max()) + clearance)

    raised = 0.0
    for _ in range(_TURNS):
        before = distance_at(raised) - towards + raised * away
        seen = (up - raised * down) / before
        highest, lowest = seen.argmax(), seen.argmin()
        closeness = (down / before).reshape(-1)[[highest, lowest]].sum()
        if closeness < 1e-9:  # seen from above or below: all heights look alike
            break
        raised += float((seen.flat[highest] + seen.flat[lowest]) / closeness)
    raised += lift
    return origin + np.array([0.0, 0.0, raised]), distance_at(raised)


def _fit(local: Floats, slopes: tuple[float, float]) -> Floats:
    """From how far away at least [c] cameras have all points in their pictures, whose coordinates along each camera's
    axes are ``local`` [c, n, 3]."""
    towards = local[..., 2]
    needed: Floats = towards.max(axis=1) + _CLEARANCE * np.linalg.norm(local, axis=2).max(axis=1)
    for axis, slope in enumerate(slopes):
        # A point is in the picture if |x - camera x| <= slope * (camera z - z): one plane for each side.
        high = (slope * towards + local[..., axis]).max(axis=1)
        low = (slope * towards - local[..., axis]).max(axis=1)
        needed = np.maximum(needed, (high + low) / (2 * slope))
    return needed


def _center(local: Floats, distances: Floats) -> Floats:
    """How far to the right and up cameras at ``distances`` [c] stand [c, 2], so that points whose coordinates along
    their axes are ``local`` [c, n, 3] come as close to the left side of the picture as to the right, and so on."""
    closeness = 1.0 / (distances[:, None] - local[..., 2])
    rows = np.arange(len(local))
    moved = np.zeros((len(local), 2))
    for axis in (0, 1):
        for _ in range(_TURNS):  # Newton's method, exact once the outermost points are known
            seen = (local[..., axis] - moved[:, axis, None]) * closeness
            most, least = seen.argmax(axis=1), seen.argmin(axis=1)
            excess = seen[rows, most] + seen[rows, least]
            moved[:, axis] += excess / (closeness[rows, most] + closeness[rows, least])
    return moved


def _even_out(directions: Floats, distances: Floats) -> Floats:
    """The smallest distances [c], none below ``distances``, that differ as little as SCALE_ANGLE says."""
    lengths = np.log(distances)
    evened = []
    rows = max(_BLOCK // max(len(directions), 1), 1)
    for start in range(0, len(directions), rows):
        angles = np.arccos(np.clip(directions[start : start + rows] @ directions.T, -1.0, 1.0))
        evened.append((lengths - angles / SCALE_ANGLE).max(axis=1))
    return np.exp(np.maximum(np.concatenate(evened), lengths)) if evened else distances


def extreme_points(points: Floats, count: int = 1500) -> Floats:
    """Those of ``points`` [n, 3] that are the farthest in one of ``count`` directions, evenly spread: at most so many.

    What is left out reaches farther in a direction in between by 2 % of the subject's diameter at most, at a tip as
    blunt as can be, with 1500 directions (6 % with 200); by 0.1 % with a round subject (0.5 %). Of more than 20,000
    points only the ends of columns are looked at, which adds 1 % at most. From any thread.
    """
    if len(points) <= count:
        return points
    if len(points) > _MANY:
        points = points[_column_ends(points)]
    directions = _spread_directions(count)
    best, found = np.full(len(directions), -np.inf, np.float32), np.zeros(len(directions), np.intp)
    origin = points[0]
    rows = max(_BLOCK // len(directions), 1)
    for start in range(0, len(points), rows):
        heights = directions @ (points[start : start + rows] - origin).T.astype(np.float32)
        highest = heights.argmax(axis=1)
        reached = heights[np.arange(len(directions)), highest]
        found = np.where(reached > best, start + highest, found)
        best = np.maximum(best, reached)
    return points[np.unique(found)]


def _column_ends(points: Floats) -> npt.NDArray[np.intp]:
    """Which of ``points`` [n, 3] are the highest or the lowest in one of the columns that they are cut into."""
    low, high = points.min(axis=0), points.max(axis=0)
    upright = int(np.argmin(high - low))  # along the shortest side there are few points above each other
    top = np.full(_COLUMNS**2, -np.inf, np.float32)
    bottom = np.full(_COLUMNS**2, np.inf, np.float32)
    highest, lowest = np.zeros(_COLUMNS**2, np.intp), np.zeros(_COLUMNS**2, np.intp)
    axes = [axis for axis in range(3) if axis != upright]
    scale = _COLUMNS / np.maximum(high - low, 1e-30)
    for start in range(0, len(points), _BLOCK // 8):
        some = points[start : start + _BLOCK // 8]
        cells = [np.minimum((some[:, axis] - low[axis]) * scale[axis], _COLUMNS - 1).astype(np.intp) for axis in axes]
        column = cells[0] * _COLUMNS + cells[1]
        heights = some[:, upright]
        order = np.argsort(heights)
        sorted_columns = column[order]
        # The last of what is written to one place stays: here the highest, there the lowest.
        for ends, values, those, is_better in (
            (highest, top, order, np.greater),
            (lowest, bottom, order[::-1], np.less),
        ):
            last = np.full(_COLUMNS**2, -1, np.intp)
            last[sorted_columns if those is order else sorted_columns[::-1]] = those
            found = np.flatnonzero(last >= 0)
            better = found[is_better(heights[last[found]], values[found])]
            values[better], ends[better] = heights[last[better]], start + last[better]
    kept: npt.NDArray[np.intp] = np.unique(np.concatenate((highest[np.isfinite(top)], lowest[np.isfinite(bottom)])))
    return kept


@functools.lru_cache(maxsize=4)
def _spread_directions(count: int) -> npt.NDArray[np.float32]:
    """The six directions along the axes and ``count`` - 6 spread evenly over the sphere, [count, 3] float32."""
    step = np.arange(count - 6)
    z = 1.0 - 2.0 * (step + 0.5) / (count - 6)
    across, azimuth = np.sqrt(1.0 - z * z), step * math.pi * (3.0 - math.sqrt(5.0))
    spread = np.stack((across * np.cos(azimuth), across * np.sin(azimuth), z), axis=1)
    directions: npt.NDArray[np.float32] = np.concatenate((np.eye(3), -np.eye(3), spread)).astype(np.float32)
    return directions
