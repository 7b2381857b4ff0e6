"""Where points in space lie in a view, and how they stand to its captured depth."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy.ndimage import minimum_filter

from engine.data.views import View
from engine.link.arrays import Floats
from engine.link.geometry import Camera
from engine.link.projection import project

_NO_WEIGHT = 1e-6  # of a pixel in an interpolation, which then needn't be known
_NEAREST = 1e-6  # of a metre before the camera: nothing is nearer


@dataclasses.dataclass(frozen=True, eq=False)
class Seen:
    """Those of some points that are before a camera and within its picture: their ``indices`` [m], where they lie,
    ``pixels`` [m, 2], and their planar ``depth`` [m] in metres."""

    indices: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.float64]
    depth: npt.NDArray[np.float64]


def points_in_picture(camera: Camera, points: Floats) -> Seen:
    """Which of ``points`` [n, 3], world space, lie within the picture of ``camera``."""
    local = (points - camera.position) @ np.linalg.inv(camera.camera_to_world[:3, :3]).T
    before = np.flatnonzero(local[:, 2] < -_NEAREST)
    pixels = project(camera, local[before])
    inside = ((pixels >= 0.0) & (pixels < (camera.width, camera.height))).all(axis=1)
    chosen = before[inside]
    return Seen(chosen, pixels[inside], -local[chosen, 2])


def nearest_around(view: View) -> npt.NDArray[np.float32]:
    """The least depth of each pixel and those around it, [H, W]: 0 or below where one of them isn't known."""
    assert view.depth is not None
    least: npt.NDArray[np.float32] = minimum_filter(view.depth, size=3, mode="nearest")
    return least


def sees_through(around: npt.NDArray[np.float32], seen: Seen, tolerance: float) -> npt.NDArray[np.bool_]:
    """Which of ``seen`` a view with this ``nearest_around`` sees through, [m] bool: all around where they lie it sees
    what is farther away, by more than ``tolerance`` of their depth."""
    columns, rows = np.floor(seen.pixels).astype(np.int64).T
    through: npt.NDArray[np.bool_] = around[rows, columns] > seen.depth * (1.0 + tolerance)
    return through


def agrees(view: View, seen: Seen, tolerance: float) -> npt.NDArray[np.bool_]:
    """Which of ``seen`` lie at the captured depth, [m] bool, to ``tolerance`` of it: interpolated between pixels'
    centres, all of which must be known, in the inverse of depth, which is linear over a plane."""
    assert view.depth is not None
    height, width = view.depth.shape
    corner = np.clip(seen.pixels - 0.5, 0.0, (width - 1, height - 1))
    low = np.floor(corner).astype(np.int64)
    share = corner - low
    inverse, is_known = np.zeros(len(low)), np.ones(len(low), bool)
    for right in (0, 1):
        for down in (0, 1):
            weight = np.abs(1 - right - share[:, 0]) * np.abs(1 - down - share[:, 1])
            columns, rows = np.minimum(low[:, 0] + right, width - 1), np.minimum(low[:, 1] + down, height - 1)
            depth = view.depth[rows, columns].astype(np.float64)
            usable = np.isfinite(depth) & (depth > 0.0)
            is_known &= usable | (weight < _NO_WEIGHT)
            inverse += np.where(usable, weight / np.where(usable, depth, 1.0), 0.0)
    close: npt.NDArray[np.bool_] = is_known & (np.abs(seen.depth * inverse - 1.0) <= tolerance)
    return close
