"""The fisheye lens: equidistant with four terms, as OpenCV's fisheye module, nerfstudio and instant-ngp have it.

A direction at the angle theta off the axis is seen theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 +
k4 theta^8) focal lengths from the middle of the lens.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats

# Depth is planar: only what is well before the camera has one. Pixels of what lies beyond are not used.
WIDEST_ANGLE = 1.5
_STEPS = 3001
_NEWTON_STEPS = 3

Terms = tuple[float, float, float, float]


def distorted(theta: Floats, terms: Terms) -> npt.NDArray[np.float64]:
    """theta_d for ``theta`` in radians."""
    square = np.square(theta, dtype=np.float64)
    k1, k2, k3, k4 = terms
    lengths: npt.NDArray[np.float64] = theta * (1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
    return lengths


def undistorted(theta_d: Floats, terms: Terms) -> npt.NDArray[np.float64]:
    """theta in radians for ``theta_d``; what ``edge`` leaves out is at the widest angle that is used."""
    angles, lengths = _table(terms)
    theta = np.interp(theta_d, lengths, angles)
    for _ in range(_NEWTON_STEPS):
        step = (distorted(theta, terms) - np.minimum(theta_d, lengths[-1])) / np.maximum(_slope(theta, terms), 0.1)
        theta = np.clip(theta - step, 0.0, angles[-1])
    return theta


def edge(terms: Terms) -> float:
    """theta_d at the widest angle that is used: WIDEST_ANGLE, or where the polynomial turns back."""
    return float(_table(terms)[1][-1])


@functools.lru_cache(maxsize=64)
def _table(terms: Terms) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Angles and theta_d as far as both grow."""
    angles = np.linspace(0.0, WIDEST_ANGLE, _STEPS)
    turns = np.flatnonzero(_slope(angles, terms) <= 0.0)
    angles = angles[: turns[0]] if len(turns) else angles
    return angles, distorted(angles, terms)


def _slope(theta: Floats, terms: Terms) -> npt.NDArray[np.float64]:
    square = np.square(theta, dtype=np.float64)
    k1, k2, k3, k4 = terms
    slope: npt.NDArray[np.float64] = 1.0 + square * (3 * k1 + square * (5 * k2 + square * (7 * k3 + square * 9 * k4)))
    return slope
