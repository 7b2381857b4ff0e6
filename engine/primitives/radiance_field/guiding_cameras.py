"""Cameras that a prior's pictures are rendered for: where no view was captured from, around what the views look at."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from engine.link.arrays import Floats
from engine.link.camera_paths import orbit_pose
from engine.link.geometry import Bounds, Camera

# So far up and down from where views are captured from; none looks from straight above or far below.
_RAISED = math.radians(30.0)
_LOWEST, _HIGHEST = math.radians(-30.0), math.radians(80.0)
# A view from within the bounds is turned so far: what is behind it no other view shows.
_TURNED_INSIDE = math.radians(25.0)


def guiding_camera(known: Sequence[Camera], bounds: Bounds, number: int, side: int) -> Camera:
    """The camera of picture ``number``, of at most ``side`` pixels a side, with the lens of one of the ``known``
    cameras, of which there is at least one. Those of successive numbers are spread evenly all around."""
    camera = known[number % len(known)]
    other = known[number // len(known) % len(known)]
    around, share, raised = (_spread(number, dimension) for dimension in range(3))
    is_inside = bool(np.all((camera.position > bounds.minimum) & (camera.position < bounds.maximum)))
    if is_inside:
        forward = -camera.camera_to_world[:3, 2] / np.linalg.norm(camera.camera_to_world[:3, 2])
        target = camera.position + bounds.radius * forward
    else:
        target = bounds.center
    distance, azimuth, elevation = _angles(camera, target)
    other_distance, _, other_elevation = _angles(other, target)
    if is_inside:
        azimuth += _TURNED_INSIDE * (2.0 * around - 1.0)
        elevation += 0.5 * _TURNED_INSIDE * (2.0 * raised - 1.0)
    else:
        azimuth += 2.0 * math.pi * around
        elevation += share * (other_elevation - elevation) + _RAISED * (2.0 * raised - 1.0)
        distance += share * (other_distance - distance)
    pose = orbit_pose(target, distance, azimuth, min(max(elevation, _LOWEST), _HIGHEST))
    scale = min(1.0, side / max(camera.width, camera.height))
    small = camera.resized(max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
    return dataclasses.replace(small, camera_to_world=pose)


def _angles(camera: Camera, target: Floats) -> tuple[float, float, float]:
    """Distance, azimuth and elevation from which a camera sees ``target``."""
    offset = camera.position - target
    distance = max(float(np.linalg.norm(offset)), 1e-6)
    elevation = math.asin(min(max(float(offset[2]) / distance, -1.0), 1.0))
    return distance, math.atan2(float(offset[1]), float(offset[0])), elevation


def _spread(number: int, dimension: int) -> float:
    """Low-discrepancy numbers in 0..1: multiples of the powers of the plastic number's generalisation for three
    dimensions, modulo 1 (Roberts 2018)."""
    root = 1.2207440846057596
    return (0.5 + (number + 1) / root ** (dimension + 1)) % 1.0
