"""Directions on a piece of a sphere: an arc in azimuth, a band in elevation. Pure maths, no Blender.

A direction is a unit vector from the subject towards the camera; angles are radians.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from .rigs import GOLDEN_ANGLE, jitter_directions, mean_spacing, on_sphere

_GOLDEN_RATIO = GOLDEN_ANGLE / (2 * math.pi)


@dataclasses.dataclass(frozen=True)
class Arc:
    """Directions with an azimuth of at most ``width`` / 2 from ``azimuth``, and elevations from ``low`` to ``high``."""

    azimuth: float
    width: float
    low: float
    high: float


def arc_before(direction: np.ndarray, width: float, height: float, lowest: float) -> Arc:
    """The arc whose middle is ``direction`` [3], ``width`` wide and ``height`` high.

    It is moved up where it would reach below the elevation ``lowest``, unless ``direction`` itself is below that.
    """
    x, y, z = direction / np.linalg.norm(direction)
    elevation = math.asin(min(max(z, -1.0), 1.0))
    low = max(elevation - height / 2, min(elevation, lowest), -math.pi / 2)
    return Arc(math.atan2(y, x), width, low, min(low + height, math.pi / 2))


def arc_directions(arc: Arc, count: int, shift: float = 0.0) -> np.ndarray:
    """``count`` directions [count, 3] spread evenly by area over ``arc``. ``shift`` (in widths) moves all sideways,
    round from one end to the other."""
    step = np.arange(count)
    z = math.sin(arc.low) + (math.sin(arc.high) - math.sin(arc.low)) * (step + 0.5) / max(count, 1)
    across = (step * _GOLDEN_RATIO + 0.5 + shift) % 1.0 - 0.5
    return on_sphere(z, arc.azimuth + across * arc.width)


def held_out_arc_directions(arc: Arc, count: int, training: np.ndarray, candidates: int = 64) -> np.ndarray:
    """``count`` directions [count, 3] spread evenly over ``arc``, narrowed by half of the mean spacing of ``training``
    [n, 3], and as far from those as such a set can be."""
    if count == 0:
        return np.zeros((0, 3))
    inset = min(mean_spacing(training) / 2, (arc.high - arc.low) / 4)
    narrow = Arc(arc.azimuth, arc.width - 2 * min(inset, arc.width / 4), arc.low + inset, arc.high - inset)
    shifted = [arc_directions(narrow, count, k / candidates) for k in range(candidates)]
    return max(shifted, key=lambda directions: -(directions @ training.T).max() if len(training) else 0.0)


def jitter_in_arc(arc: Arc, directions: np.ndarray, amount: float, seed: int) -> np.ndarray:
    """``directions`` [n, 3], moved as by ``jitter_directions``, kept inside ``arc``."""
    moved = jitter_directions(directions, amount, seed, arc.low, arc.high)
    azimuth = np.arctan2(moved[:, 1], moved[:, 0])
    across = (azimuth - arc.azimuth + math.pi) % (2 * math.pi) - math.pi
    return on_sphere(moved[:, 2], arc.azimuth + np.clip(across, -arc.width / 2, arc.width / 2))
