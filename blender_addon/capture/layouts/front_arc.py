"""Front Arc: a product before a backdrop."""

from __future__ import annotations

import math

import bpy
import numpy as np

from engine.link.geometry import Bounds

from .. import arcs, rigs
from .layout import AroundLayout


class FrontArc(AroundLayout):
    identifier, number, label = "FRONT_ARC", 5, "Front Arc"
    description = "Cameras spread over an arc around the scene camera's direction, for a product before a backdrop"
    settings = ("training_views", "arc_width", "arc_height")
    details = ("elevation_min", *AroundLayout.details)

    def objects(self, scene: bpy.types.Scene) -> list[bpy.types.Object]:
        return [scene.camera] if scene.camera is not None else []

    def directions(self, scene: bpy.types.Scene, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        settings = scene.hashlight.capture
        middle = self._middle(scene, bounds)
        arc = arcs.arc_before(middle, settings.arc_width, settings.arc_height, settings.elevation_min)
        training = arcs.arc_directions(arc, settings.training_views)
        training = arcs.jitter_in_arc(arc, training, settings.jitter, settings.seed)
        held_out = arcs.held_out_arc_directions(arc, settings.held_out_views, training)
        return training[rigs.spread_order(training)], held_out

    def _middle(self, scene: bpy.types.Scene, bounds: Bounds) -> np.ndarray:
        """The direction of the scene camera from the bounds, -Y and a little above without one."""
        if scene.camera is not None:
            direction = np.array(scene.camera.matrix_world.translation) - bounds.center
            if np.linalg.norm(direction[:2]) > 1e-6 * bounds.radius:  # straight above there is no front
                return direction
        settings = scene.hashlight.capture
        elevation = min(settings.elevation_min + settings.arc_height / 2, math.pi / 2)
        return np.array((0.0, -math.cos(elevation), math.sin(elevation)))
