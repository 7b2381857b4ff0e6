"""What is captured from where, as ``scene.hashlight.capture``."""

from __future__ import annotations

import math

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from engine.link.geometry import MAX_IMAGE_SIDE

from . import fast_capture, plan, plan_watch
from .bounds import read_bounds
from .cameras import FARTHEST
from .errors import CaptureError
from .layouts.table import enum_items
from .subject import read_subject


def _check_again(settings: HASHLIGHT_PG_capture, _context: bpy.types.Context) -> None:
    """What was found out about the plan is old."""
    if bpy.app.background:
        settings.plan_findings.clear()
    plan_watch.check_soon()


def _plan_again(settings: HASHLIGHT_PG_capture, context: bpy.types.Context) -> None:
    """Cameras that are planned already follow the settings; what was found out about them is old."""
    _check_again(settings, context)
    scene = settings.id_data
    if settings.rig not in plan.GENERATED_RIGS or not plan.has_planned_cameras(scene):
        return
    try:
        depsgraph = context.evaluated_depsgraph_get()
        bounds = read_bounds(scene, depsgraph)
        plan.plan_cameras(scene, bounds, read_subject(scene, context.view_layer, depsgraph, bounds))
    except CaptureError as error:
        plan.note_fault(scene, error)


def _choose_layout(settings: HASHLIGHT_PG_capture, context: bpy.types.Context) -> None:
    settings.property_unset("settings_rows")
    _plan_again(settings, context)


def _is_curve(_settings: HASHLIGHT_PG_capture, obj: bpy.types.Object) -> bool:
    return obj.type == "CURVE"


class HASHLIGHT_PG_capture_finding(bpy.types.PropertyGroup):
    """Something that is wrong with the plan, or with what was captured."""

    words: StringProperty(name="Words", options={"HIDDEN"})
    cures: StringProperty(name="Cures", description="Buttons that help, as JSON", options={"HIDDEN"})
    is_settled: BoolProperty(name="Settled", description="It holds no more", options={"HIDDEN"})


class HASHLIGHT_PG_capture(bpy.types.PropertyGroup):
    show_plan: BoolProperty(
        name="Show Plan",
        description="Draw the bounds and the cameras in the viewport: blue for training, orange for test views",
        default=True,
    )
    show_settings: BoolProperty(
        name="Plan",
        description="Show how views are planned. Folded when all are captured",
        default=True,
    )
    settings_rows: IntProperty(
        name="Rows",
        description="How many rows the settings of the layout have beside a pressed button; -1: as many as there are",
        default=-1,
        min=-1,
        max=100,
        options={"HIDDEN"},
    )
    plan_findings: CollectionProperty(
        name="Findings",
        description="What is wrong with the plan as it stands, with what puts it right",
        type=HASHLIGHT_PG_capture_finding,
        options={"HIDDEN"},
    )
    plan_warnings: StringProperty(
        name="Warnings",
        description="What is wrong with the plan as it stands, a line each",
        options={"HIDDEN"},
        get=lambda settings: "\n".join(each.words for each in settings.plan_findings if not each.is_settled),
    )
    capture_findings: CollectionProperty(
        name="Capture Findings",
        description="What the last capture found to be wrong, with what puts it right",
        type=HASHLIGHT_PG_capture_finding,
        options={"HIDDEN"},
    )
    capture_warnings: StringProperty(
        name="Capture Warnings",
        description="What the last capture found to be wrong, a line each",
        options={"HIDDEN"},
        get=lambda settings: "\n".join(finding.words for finding in settings.capture_findings),
    )
    rig: EnumProperty(
        name="Cameras",
        description="Where cameras stand",
        items=enum_items(),
        default="HEMISPHERE",
        update=_choose_layout,
    )
    training_views: IntProperty(
        name="Training Views",
        description="Number of views to train on",
        default=48,
        min=1,
        max=10_000,
        soft_max=500,
        update=_plan_again,
    )
    held_out_views: IntProperty(
        name="Test Views",
        description="Number of further views to score the field on, without training on them",
        default=8,
        min=0,
        max=1_000,
        soft_max=100,
        update=_plan_again,
    )
    ring_levels: IntProperty(
        name="Levels", description="Number of rings", default=4, min=1, max=100, soft_max=20, update=_plan_again
    )
    ring_count: IntProperty(
        name="Count",
        description="Number of training cameras on each ring",
        default=12,
        min=1,
        max=1_000,
        soft_max=60,
        update=_plan_again,
    )
    arc_width: FloatProperty(
        name="Arc Width",
        description="Spread cameras over this angle sideways",
        subtype="ANGLE",
        default=math.radians(120),
        min=0.0,
        max=2 * math.pi,
        update=_plan_again,
    )
    arc_height: FloatProperty(
        name="Height",
        description="Spread cameras over this angle in height",
        subtype="ANGLE",
        default=math.radians(40),
        min=0.0,
        max=math.pi,
        update=_plan_again,
    )
    room_looks: IntProperty(
        name="Looks",
        description="Training views from each viewpoint. Fewer make more viewpoints",
        default=3,
        min=1,
        max=48,
        soft_max=12,
        update=_plan_again,
    )
    room_field_of_view: FloatProperty(
        name="Field of View",
        description="Opening angle of cameras inside a room, along the shorter side of the picture",
        subtype="ANGLE",
        default=math.radians(75),
        min=math.radians(1),
        max=math.radians(150),
        update=_plan_again,
    )
    curve: PointerProperty(
        name="Curve",
        description="The curve object that cameras stand along",
        type=bpy.types.Object,
        poll=_is_curve,
        update=_plan_again,
    )
    curve_look: EnumProperty(
        name="Look",
        description="Which way cameras along the curve look",
        items=(
            ("CENTER", "At Bounds", "At what is visible inside the bounds, in the middle of each picture"),
            ("TANGENT", "Along Curve", "Where the curve leads"),
            ("TARGET", "At Object", "At the origin of an object"),
        ),
        default="CENTER",
        update=_plan_again,
    )
    curve_target: PointerProperty(
        name="Target",
        description="The object that cameras along the curve look at",
        type=bpy.types.Object,
        update=_plan_again,
    )
    collection: PointerProperty(
        name="Capture Collection",
        description="Capture only this collection. All else lights it and shows in its reflections, but is not in the "
        "pictures. Leave empty to capture everything",
        type=bpy.types.Collection,
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
        name="Elevation Min",
        description="Lowest angle of cameras above the horizon",
        subtype="ANGLE",
        default=math.radians(5),
        min=-math.pi / 2,
        max=math.pi / 2,
        update=_plan_again,
    )
    elevation_max: FloatProperty(
        name="Elevation Max",
        description="Highest angle of cameras above the horizon",
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
        description="Distance of the cameras from the middle of the bounds. 0 fits each to what is visible",
        subtype="DISTANCE",
        default=0.0,
        min=0.0,
        max=FARTHEST,
        update=_plan_again,
    )
    margin: FloatProperty(
        name="Margin",
        description="Free room around the subject in each picture, where Radius is 0",
        subtype="FACTOR",
        default=0.05,
        min=0.0,
        max=2.0,
        soft_max=1.0,
        update=_plan_again,
    )
    jitter: FloatProperty(
        name="Jitter",
        description="Move cameras off their even spacing",
        subtype="FACTOR",
        default=0.0,
        min=0.0,
        max=1.0,
        update=_plan_again,
    )
    seed: IntProperty(name="Seed", description="Jitter in another way", default=0, min=0, update=_plan_again)
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
        description="Capture depth, too. The field then learns much sooner where things are",
        default=True,
        update=_check_again,
    )
    use_fast_capture: BoolProperty(
        name="Fast Capture",
        description=f"Render views with {fast_capture.SAMPLES} samples, denoised, where the scene has more: "
        f"{fast_capture.MEASURED}, as the field averages the noise of many views. The scene's own settings stay as "
        "they are. Cycles alone",
        default=True,
    )
