"""Settings that belong to one scene, as ``scene.hashlight``: one group a panel."""

from __future__ import annotations

import math

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from engine.link.geometry import MAX_IMAGE_SIDE

RIGS = (
    ("SPHERE", "Sphere", "Cameras spread evenly all around the bounds"),
    ("HEMISPHERE", "Hemisphere", "Cameras spread evenly above the middle of the bounds"),
    ("RINGS", "Rings", "Horizontal rings of cameras, one above the other"),
    ("SCENE_CAMERAS", "Scene Cameras", "The cameras that are in the scene already"),
    ("ANIMATION", "Animation", "The active camera along its animation"),
)


class HASHLIGHT_PG_capture(bpy.types.PropertyGroup):
    rig: EnumProperty(name="Rig", description="Where the scene is looked at from", items=RIGS, default="HEMISPHERE")
    training_views: IntProperty(
        name="Training Views",
        description="How many pictures the field learns from",
        default=48,
        min=1,
        max=10_000,
        soft_max=500,
    )
    held_out_views: IntProperty(
        name="Held-Out Views",
        description="How many more pictures are kept apart, to measure the field on views that it never saw",
        default=8,
        min=0,
        max=1_000,
        soft_max=100,
    )
    ring_levels: IntProperty(name="Levels", description="How many rings", default=4, min=1, max=100, soft_max=20)
    ring_count: IntProperty(
        name="Count",
        description="How many training cameras stand on each ring",
        default=12,
        min=1,
        max=1_000,
        soft_max=60,
    )
    frame_step: IntProperty(
        name="Frame Step",
        description="Capture every n-th frame of the scene's frame range",
        default=5,
        min=1,
        max=10_000,
        soft_max=100,
    )
    elevation_min: FloatProperty(
        name="Lowest Elevation",
        description="The lowest angle above the horizon that cameras are put at",
        subtype="ANGLE",
        default=math.radians(5),
        min=-math.pi / 2,
        max=math.pi / 2,
    )
    elevation_max: FloatProperty(
        name="Highest Elevation",
        description="The highest angle above the horizon that cameras are put at",
        subtype="ANGLE",
        default=math.radians(80),
        min=-math.pi / 2,
        max=math.pi / 2,
    )
    field_of_view: FloatProperty(
        name="Field of View",
        description="Opening angle of the planned cameras, along the shorter side of the picture",
        subtype="ANGLE",
        default=math.radians(40),
        min=math.radians(1),
        max=math.radians(150),
    )
    margin: FloatProperty(
        name="Margin",
        description="Room around the bounds in the picture, as a share of their size",
        subtype="FACTOR",
        default=0.05,
        min=0.0,
        max=2.0,
        soft_max=1.0,
    )
    jitter: FloatProperty(
        name="Jitter",
        description="How far cameras stray from their even spacing and distance, so that no pattern is learnt",
        subtype="FACTOR",
        default=0.0,
        min=0.0,
        max=1.0,
    )
    seed: IntProperty(name="Seed", description="Picks another arrangement of jitter", default=0, min=0)
    use_scene_resolution: BoolProperty(
        name="Scene Resolution",
        description="Capture at the scene's own render resolution and percentage",
        default=False,
    )
    resolution_x: IntProperty(
        name="Resolution X",
        description="Width of the captured pictures",
        subtype="PIXEL",
        default=400,
        min=1,
        max=MAX_IMAGE_SIDE,
    )
    resolution_y: IntProperty(
        name="Y",
        description="Height of the captured pictures",
        subtype="PIXEL",
        default=400,
        min=1,
        max=MAX_IMAGE_SIDE,
    )
    use_depth: BoolProperty(
        name="Depth",
        description="Capture depth as well; the field then learns where things are much sooner",
        default=True,
    )


class HASHLIGHT_PG_scene(bpy.types.PropertyGroup):
    folder: StringProperty(
        name="Folder",
        description="Where captures, runs and bakes are kept. Leave empty for a folder beside the .blend file",
        subtype="DIR_PATH",
    )
    capture: PointerProperty(type=HASHLIGHT_PG_capture)


CLASSES = (HASHLIGHT_PG_capture, HASHLIGHT_PG_scene)


def register() -> None:
    bpy.types.Scene.hashlight = PointerProperty(
        name="Hashlight", description="Settings of the Hashlight extension", type=HASHLIGHT_PG_scene
    )


def unregister() -> None:
    del bpy.types.Scene.hashlight
