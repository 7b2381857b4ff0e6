"""Cameras of a scene's own, and where a capture has them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np
from capture_jobs import start_capture
from mathutils import Vector

Import = Callable[[str], ModuleType]

PLACE = (3.5, -3.5, 2.5)


def new_camera(name: str, place: tuple[float, float, float] = PLACE) -> bpy.types.Object:
    """A camera that looks at the subject, in no scene yet. Nothing evaluates it: its matrix is still the identity."""
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.location = place
    camera.rotation_euler = (Vector((0.4, 0.1, 0.5)) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    return camera


def new_collection(*members: bpy.types.Object) -> tuple[bpy.types.Collection, bpy.types.LayerCollection]:
    collection = bpy.data.collections.new("Other")
    bpy.context.scene.collection.children.link(collection)
    for member in members:
        collection.objects.link(member)
    return collection, bpy.context.view_layer.layer_collection.children["Other"]


def positions(addon: Import, scene: bpy.types.Scene) -> dict[str, np.ndarray]:
    """Where a capture has its views' cameras."""
    with start_capture(addon, scene) as job:
        return {pose.name: pose.camera_to_world[:3, 3] for pose in job.poses}
