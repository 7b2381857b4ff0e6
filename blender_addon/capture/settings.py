"""What is captured from where, as ``scene.hashlight.capture``."""

from __future__ import annotations

import contextlib
import math

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from engine.link.geometry import MAX_IMAGE_SIDE

from . import plan, plan_watch
from .bounds import read_bounds
from .errors import CaptureError

_RIGS = (
    ("SPHERE", "Sphere", "Cameras spread evenly all around the bounds"),
    ("HEMISPHERE", "Hemisphere", "Cameras spread evenly above the middle of the bounds"),
    ("RINGS", "Rings", "Horizontal rings of cameras, one above the other"),
    ("SCENE_CAMERAS", "Scene Cameras", "The cameras that are in the scene already"),
    ("ANIMATION", "Animation", "The active camera along its animation"),
)


def _plan_again(settings: HASHLIGHT_PG_capture, context: bpy.types.Context) -> None:
    """Cameras that are planned already follow the settings; what was found out about them is old."""
    if bpy.app.background:
        settings.plan_warnings = ""
    plan_watch.check_soon()
    scene = settings.id_data
    if settings.rig not in plan.GENERATED_RIGS or not plan.has_planned_cameras(scene):
        return
    # Settings that make no rig are told when cameras are planned by hand.
    with contextlib.suppress(CaptureError):
        plan.plan_cameras(scene, read_bounds(scene, context.evaluated_depsgraph_get()))


class HASHLIGHT_PG_capture(bpy.types.PropertyGroup):
    show_plan: BoolProperty(
        name="Show Plan",
        description="Draw the bounds and the cameras to capture with into the viewport: blue for training, orange for "
        "held-out views, each numbered in order",
        default=True,
    )
    plan_warnings: StringProperty(
        name="Warnings", description="What is wrong with the plan as it stands, a line each", options={"HIDDEN"}
    )
    capture_warnings: StringProperty(
        name="Capture Warnings", description="What the last capture found to be wrong, a line each", options={"HIDDEN"}
    )
    rig: EnumProperty(
        name="Rig",
        description="Where the scene is looked at from",
        items=_RIGS,
        default="HEMISPHERE",
        update=_plan_again,
    )
    training_views: IntProperty(
        name="Training Views",
        description="How many pictures the field learns from",
        default=48,
        min=1,
        max=10_000,
        soft_max=500,
        update=_plan_again,
    )
    held_out_views: IntProperty(
        name="Held-Out Views",
        description="How many more pictures are kept apart, to measure the field on views that it never saw",
        default=8,
        min=0,
        max=1_000,
        soft_max=100,
        update=_plan_again,
    )
    ring_levels: IntProperty(
        name="Levels", description="How many rings", default=4, min=1, max=100, soft_max=20, update=_plan_again
    )
    ring_count: IntProperty(
        name="Count",
        description="How many training cameras stand on each ring",
        default=12,
        min=1,
        max=1_000,
        soft_max=60,
        update=_plan_again,
    )
    frame_step: IntProperty(
        name="Frame Step",
        description="Capture every n-th frame of the scene's frame range",
        default=5,
        min=1,
        max=10_000,
        soft_max=100,
        update=_plan_again,
    )
    elevation_min: FloatProperty(
        name="Lowest Elevation",
        description="The lowest angle above the horizon that cameras are put at",
        subtype="ANGLE",
        default=math.radians(5),
        min=-math.pi / 2,
        max=math.pi / 2,
        update=_plan_again,
    )
    elevation_max: FloatProperty(
        name="Highest Elevation",
        description="The highest angle above the horizon that cameras are put at",
        subtype="ANGLE",
        default=math.radians(80),
        min=-math.pi / 2,
        max=math.pi / 2,
        update=_plan_again,
    )
    field_of_view: FloatProperty(
        name="Field of View",
        description="Opening angle of the planned cameras, along the shorter side of the picture",
        subtype="ANGLE",
        default=math.radians(40),
        min=math.radians(1),
        max=math.radians(150),
        update=_plan_again,
    )
    radius: FloatProperty(
        name="Radius",
        description="Distance of the planned cameras from the middle of the bounds, 0 to fit the bounds into pictures",
        subtype="DISTANCE",
        default=0.0,
        min=0.0,
        update=_plan_again,
    )
    margin: FloatProperty(
        name="Margin",
        description="Room around the bounds in the picture, as a share of their size, where Radius is 0",
        subtype="FACTOR",
        default=0.05,
        min=0.0,
        max=2.0,
        soft_max=1.0,
        update=_plan_again,
    )
    jitter: FloatProperty(
        name="Jitter",
        description="How far cameras stray from their even spacing and distance, so that no pattern is learnt",
        subtype="FACTOR",
        default=0.0,
        min=0.0,
        max=1.0,
        update=_plan_again,
    )
    seed: IntProperty(
        name="Seed", description="Picks another arrangement of jitter", default=0, min=0, update=_plan_again
    )
    use_scene_resolution: BoolProperty(
        name="Scene Resolution",
        description="Capture at the scene's own render resolution and percentage",
        default=False,
        update=_plan_again,
    )
    resolution_x: IntProperty(
        name="Resolution X",
        description="Width of the captured pictures",
        subtype="PIXEL",
        default=400,
        min=1,
        max=MAX_IMAGE_SIDE,
        update=_plan_again,
    )
    resolution_y: IntProperty(
        name="Y",
        description="Height of the captured pictures",
        subtype="PIXEL",
        default=400,
        min=1,
        max=MAX_IMAGE_SIDE,
        update=_plan_again,
    )
    use_depth: BoolProperty(
        name="Depth",
        description="Capture depth as well; the field then learns where things are much sooner",
        default=True,
    )
