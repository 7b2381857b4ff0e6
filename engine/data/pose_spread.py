"""Poses by how far cameras are apart: what tells them from each other, wherever in the world they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats

SAME_POSE = 1e-6  # of an axis, and of how far cameras are apart: what writing a pose with fewer digits may change
_LEAST_SPREAD = 1e-12  # of the largest coordinate


def relative_poses(poses: Sequence[Floats]) -> npt.NDArray[np.float64]:
    """[n, 3, 4] of camera-to-world ``poses`` [4, 4]: axes as they are, and places from the cameras' middle, in units of
    how far the farthest one is away from it along an axis."""
    relative = np.array([np.asarray(pose, np.float64)[:3] for pose in poses])
    places = relative[:, :, 3]
    largest = max(1.0, float(np.abs(places).max(initial=0.0)))
    places -= places.mean(axis=0)
    places /= max(float(np.abs(places).max(initial=0.0)), _LEAST_SPREAD * largest)
    return relative
