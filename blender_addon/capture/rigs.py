"""Where to look at a subject from: directions around it, their order, distances, poses. Pure maths, no Blender.

A direction is a unit vector from the subject towards the camera, in Blender's world (Z up); elevations are radians
above the horizon. All arrays are float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))
_TURNS = 8  # of a camera, after each of which its picture's middle is looked for anew
_AZIMUTHS = 64  # by which test views are turned, to find the one farthest from all training views
_BESIDE = 0.3  # the least cosine of the angle between where a camera looks and what counts as before it


def fibonacci_directions(
    count: int, elevation_min: float = -math.pi / 2, elevation_max: float = math.pi / 2, turn: float = 0.0
) -> np.ndarray:
    """``count`` directions [count, 3], spread evenly by area over the band between two elevations.

    ``turn`` rotates all of them about Z, in radians. Raises ValueError when the band is upside down.
    """
    _check_elevations(elevation_min, elevation_max)
    step = np.arange(count)
    # Equal areas on a sphere are equal heights: half a step of room at both ends of the band.
    z = np.sin(elevation_min) + (np.sin(elevation_max) - np.sin(elevation_min)) * (step + 0.5) / max(count, 1)
    return on_sphere(z, step * GOLDEN_ANGLE + turn)


def ring_directions(levels: int, count: int, elevation_min: float, elevation_max: float) -> np.ndarray:
    """``levels`` horizontal rings of ``count`` directions [levels * count, 3], lowest first.

    Rings stand at even angles from the lowest to the highest elevation (a single one in the middle), every other one
    turned by half a step. Raises ValueError when the elevations are upside down.
    """
    _check_elevations(elevation_min, elevation_max)
    if levels == 1:
        elevations = np.array([(elevation_min + elevation_max) / 2])
    else:
        elevations = np.linspace(elevation_min, elevation_max, levels)
    level = np.repeat(np.arange(levels), count)
    position = np.tile(np.arange(count), levels)
    azimuth = (position + 0.5 * (level % 2)) * (2 * math.pi / max(count, 1))
    return on_sphere(np.sin(elevations)[level], azimuth)


def held_out_directions(count: int, training: np.ndarray, elevation_min: float, elevation_max: float) -> np.ndarray:
    """``count`` directions [count, 3] spread evenly over the band, turned to be as far from ``training`` [n, 3] as
    such a set can be. The band is narrowed by half a spacing: no held-out view lies outside what was trained on."""
    _check_elevations(elevation_min, elevation_max)
    if count == 0:
        return np.zeros((0, 3))
    # Towards a pole there is nothing outside, so the band stays as it is there.
    inset = min(mean_spacing(training) / 2, (elevation_max - elevation_min) / 4)
    low = elevation_min if elevation_min <= -math.pi / 2 + inset else elevation_min + inset
    high = elevation_max if elevation_max >= math.pi / 2 - inset else elevation_max - inset
    turned = [fibonacci_directions(count, low, high, 2 * math.pi * k / _AZIMUTHS) for k in range(_AZIMUTHS)]
    return max(turned, key=lambda directions: -(directions @ training.T).max() if len(training) else 0.0)


def spread_order(points: np.ndarray, most: int | None = None) -> np.ndarray:
    """An order [n] of ``points`` [n, 3] in which any first k cover all of them evenly; its first ``most`` alone.

    Each next point is the one farthest from all before it; no other choice of k points covers the set more than twice
    as well. The first is the one nearest to the middle of the height.
    """
    count = len(points) if most is None else min(len(points), most)
    order = np.zeros(count, dtype=np.intp)
    if count == 0:
        return order
    middle = (points[:, 2].min() + points[:, 2].max()) / 2
    order[0] = np.argmin(np.abs(points[:, 2] - middle))
    nearest = np.linalg.norm(points - points[order[0]], axis=1)
    for k in range(1, count):
        nearest[order[k - 1]] = -1.0  # taken, also where several points coincide
        order[k] = np.argmax(nearest)
        reached = np.linalg.norm(points - points[order[k]], axis=1)
        nearest = np.where(nearest < 0, nearest, np.minimum(nearest, reached))
    return order


def held_out_indices(total: int, wanted: int) -> list[int]:
    """Which of ``total`` given views, in their natural order, to hold out: ``wanted`` of them at even steps, but never
    more than a quarter, and never from fewer than four."""
    count = min(wanted, total // 4)
    return [int((k + 0.5) * total / count) for k in range(count)]


def mean_spacing(directions: np.ndarray) -> float:
    """The mean angle from each of ``directions`` [n, 3] to its nearest neighbour, radians; 0 for fewer than two."""
    if len(directions) < 2:
        return 0.0
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -1.0)
    return float(np.arccos(np.clip(cosines.max(axis=1), -1.0, 1.0)).mean())


def jitter_directions(
    directions: np.ndarray, amount: float, seed: int, elevation_min: float, elevation_max: float
) -> np.ndarray:
    """``directions`` [n, 3], each moved by up to ``amount`` (0..1) of half the mean spacing, kept inside the band."""
    if amount == 0.0 or len(directions) == 0:
        return directions
    reach = amount * mean_spacing(directions) / 2
    random = np.random.default_rng(seed)
    moved = directions + random.uniform(-reach, reach, directions.shape)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    z = np.clip(moved[:, 2], math.sin(elevation_min), math.sin(elevation_max))
    return on_sphere(z, np.arctan2(moved[:, 1], moved[:, 0]))


def jitter_stretch(count: int, amount: float, seed: int) -> np.ndarray:
    """How many times as far away cameras are [count]: up to a quarter more, times ``amount`` (0..1). Never nearer, so
    that the subject stays inside the picture."""
    return 1.0 + 0.25 * amount * np.random.default_rng([seed, 1]).random(count)


def box_corners(minimum: np.ndarray, maximum: np.ndarray) -> np.ndarray:
    """The eight corners [8, 3] of the box between two opposite ones, [3] each."""
    is_maximum = np.array([[corner >> axis & 1 for axis in range(3)] for corner in range(8)], dtype=bool)
    return np.where(is_maximum, maximum, minimum)


def look_at(position: Sequence[float] | np.ndarray, target: Sequence[float] | np.ndarray) -> np.ndarray:
    """``camera_to_world`` [..., 4, 4] of cameras at ``position`` [..., 3] that look at ``target`` [3]: -Z forward, +Y
    up, no roll.

    Straight above or below the target, where "up" says nothing, the top of the picture points along world +Y. Raises
    ValueError when a camera is at the target.
    """
    position, target = np.asarray(position, dtype=np.float64), np.asarray(target, dtype=np.float64)
    backward = position - target
    length = np.linalg.norm(backward, axis=-1, keepdims=True)
    if (length == 0.0).any():
        raise ValueError("a camera can't look at the point it stands in")
    backward = backward / length
    is_steep = np.abs(backward[..., 2:]) >= 1.0 - 1e-9
    right = np.cross(np.where(is_steep, (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), backward)
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    pose = np.zeros((*position.shape[:-1], 4, 4))
    pose[..., :3, 0], pose[..., :3, 1], pose[..., :3, 2] = right, np.cross(backward, right), backward
    pose[..., :3, 3], pose[..., 3, 3] = position, 1.0
    return pose


def look_at_middle(positions: np.ndarray, points: np.ndarray) -> np.ndarray:
    """``camera_to_world`` [c, 4, 4] of cameras at ``positions`` [c, 3], without roll, that each have ``points`` [n, 3]
    in the middle of its picture: as much room to the left as to the right, and above as below.

    A camera that has some of them beside it or behind it looks at the middle of their box. Raises ValueError when one
    stands there.
    """
    poses = look_at(positions, (points.min(axis=0) + points.max(axis=0)) / 2)
    for index, position in enumerate(positions):
        pose = poses[index]
        for _ in range(_TURNS):
            local = (points - position) @ pose[:3, :3]
            if (-local[:, 2] < _BESIDE * np.linalg.norm(local, axis=1)).any():
                break
            seen = local[:, :2] / -local[:, 2:]
            middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
            pose = look_at(position, position + pose[:3, :3] @ (*middle, -1.0))
        else:
            poses[index] = pose
    return poses


def _check_elevations(elevation_min: float, elevation_max: float) -> None:
    if elevation_min > elevation_max:
        raise ValueError(
            f"the lowest elevation ({math.degrees(elevation_min):.1f}°) is above "
            f"the highest ({math.degrees(elevation_max):.1f}°)"
        )


def on_sphere(z: np.ndarray, azimuth: np.ndarray) -> np.ndarray:
    """The directions [n, 3] of heights ``z`` [n] on the unit sphere and azimuths [n]."""
    across = np.sqrt(np.clip(1.0 - z * z, 0.0, None))
    return np.stack((across * np.cos(azimuth), across * np.sin(azimuth), z), axis=1)
