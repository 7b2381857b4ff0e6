"""Cameras around a scene, near and far, with short and long lenses."""

from __future__ import annotations

import math

import numpy as np

from engine.link.arrays import Floats
from engine.link.geometry import Camera
from engine.priors.scenes.scene import BOUNDS, Setting

# Azimuths in radians and elevations in degrees that a scene of each kind is looked at from.
_AZIMUTHS: dict[Setting, tuple[float, float]] = {
    "alone": (0.0, 2.0 * math.pi),
    "table": (0.0, 2.0 * math.pi),
    "room": (-0.45 * math.pi, -0.05 * math.pi),
}
_ELEVATIONS: dict[Setting, tuple[float, float]] = {"alone": (-35.0, 80.0), "table": (4.0, 75.0), "room": (4.0, 60.0)}
_FIELDS_OF_VIEW = (18.0, 75.0)  # degrees
# How much of a picture's side the scene takes up.
_FRAMINGS = (0.7, 1.2)
_RADIUS = 0.55  # of what is in the middle of a cube


def draw_cameras(seed: int, number: int, setting: Setting, count: int, side: int) -> list[Camera]:
    """``count`` square cameras of ``side`` pixels around the scene of this ``number`` (see draw_scene), evenly all
    around it. One capture's have about the same lens and distance, or each its own."""
    random = np.random.default_rng((seed, number, 1))
    is_one_lens = random.random() < 0.7
    lens, framing = _draw_lens(random)
    low, high = _ELEVATIONS[setting]
    first, last = _AZIMUTHS[setting]
    turn = random.random()
    # Even over the sphere: in steps of the golden ratio, in a shuffled order, so that the first few are well apart.
    order = random.permutation(count)
    cameras = []
    for k in range(count):
        azimuth = first + (last - first) * ((turn + k * 0.618034) % 1.0)
        share = (order[k] + random.random()) / count
        sine = math.sin(math.radians(low)) + share * (math.sin(math.radians(high)) - math.sin(math.radians(low)))
        if not is_one_lens:
            lens, framing = _draw_lens(random)
        distance = _RADIUS / (framing * math.tan(lens / 2.0)) * random.uniform(0.92, 1.08)
        across = math.sqrt(1.0 - sine * sine)
        direction = np.array([across * math.cos(azimuth), across * math.sin(azimuth), sine])
        target = BOUNDS.center + random.normal(0.0, 0.04, 3)
        cameras.append(_look(target + direction * distance, target, lens, side))
    return cameras


def _draw_lens(random: np.random.Generator) -> tuple[float, float]:
    """Field of view, radians, and framing."""
    return math.radians(random.uniform(*_FIELDS_OF_VIEW)), random.uniform(*_FRAMINGS)


def _look(position: Floats, target: Floats, lens: float, side: int) -> Camera:
    backward = (position - target) / np.linalg.norm(position - target)
    right = np.cross([0.0, 0.0, 1.0], backward)
    right /= max(float(np.linalg.norm(right)), 1e-9)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, position], axis=1)
    focal = 0.5 * side / math.tan(lens / 2.0)
    return Camera(pose, side, side, focal, focal, side / 2, side / 2)
