"""Sphere, Hemisphere, Rings."""

from __future__ import annotations

import functools
import math

import bpy
import numpy as np

from engine.link.geometry import Bounds

from .. import rigs
from .layout import AroundLayout


class Sphere(AroundLayout):
    identifier, number, label = "SPHERE", 0, "Sphere"
    description = "Cameras spread evenly all around the bounds"

    def directions(self, scene: bpy.types.Scene, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        return _directions_in_band(scene, -math.pi / 2, math.pi / 2)


class Hemisphere(AroundLayout):
    identifier, number, label = "HEMISPHERE", 1, "Hemisphere"
    description = "Cameras spread evenly above the middle of the bounds"
    details = ("elevation_min", "elevation_max", *AroundLayout.details)

    def directions(self, scene: bpy.types.Scene, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        settings = scene.hashlight.capture
        return _directions_in_band(scene, max(settings.elevation_min, 0.0), settings.elevation_max)


class Rings(AroundLayout):
    identifier, number, label = "RINGS", 2, "Rings"
    description = "Horizontal rings of cameras, one above the other"
    settings = ("ring_levels", "ring_count")
    details = ("elevation_min", "elevation_max", *AroundLayout.details)

    def directions(self, scene: bpy.types.Scene, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        settings = scene.hashlight.capture
        rings = settings.ring_levels, settings.ring_count
        return _directions_in_band(scene, settings.elevation_min, settings.elevation_max, rings)


def _directions_in_band(
    scene: bpy.types.Scene, low: float, high: float, rings: tuple[int, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    settings = scene.hashlight.capture
    return _spread_directions(
        rings, settings.training_views, settings.held_out_views, low, high, settings.jitter, settings.seed
    )


@functools.lru_cache(maxsize=4)  # while the bounds are dragged they stay the same
def _spread_directions(
    rings: tuple[int, int] | None, count: int, held_out: int, low: float, high: float, jitter: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    if rings is not None:
        training = rigs.ring_directions(*rings, low, high)
    else:
        training = rigs.fibonacci_directions(count, low, high)
    training = rigs.jitter_directions(training, jitter, seed, low, high)
    return training[rigs.spread_order(training)], rigs.held_out_directions(held_out, training, low, high)
