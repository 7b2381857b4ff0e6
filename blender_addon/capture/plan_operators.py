"""Fit the bounds, plan the cameras."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty

from . import bounds as capture_bounds
from . import plan_drawing, plan_watch
from .errors import CaptureError
from .plan import GENERATED_RIGS, plan_cameras, planned_views, remove_planned_cameras


class HASHLIGHT_OT_fit_bounds(bpy.types.Operator):
    bl_idname = "hashlight.fit_bounds"
    bl_label = "Fit Bounds"
    bl_description = "Put the box that is captured around everything visible in renders"
    bl_options = {"REGISTER", "UNDO"}

    selected_only: BoolProperty(
        name="Selected Only", description="Fit the box to the selected objects alone", default=False
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        depsgraph = context.evaluated_depsgraph_get()
        try:
            bounds = capture_bounds.fit_bounds(scene, context.view_layer, depsgraph, self.selected_only)
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        capture_bounds.show_bounds(scene, bounds)
        return {"FINISHED"}


class HASHLIGHT_OT_plan_cameras(bpy.types.Operator):
    bl_idname = "hashlight.plan_cameras"
    bl_label = "Plan Cameras"
    bl_description = (
        "Show the cameras to capture with around the bounds, blue for training and orange for held-out views"
    )
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        try:
            if scene.hashlight.capture.rig in GENERATED_RIGS:
                bounds = capture_bounds.read_bounds(scene, context.evaluated_depsgraph_get())
                plan_cameras(scene, bounds)
            views = planned_views(scene)
            if scene.hashlight.capture.rig not in GENERATED_RIGS:
                remove_planned_cameras(scene)
            plan_watch.check(context, step_frames=True)
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        training = sum(view.split == "train" for view in views)
        self.report({"INFO"}, f"{training} training and {len(views) - training} held-out views")
        return {"FINISHED"}


CLASSES = (HASHLIGHT_OT_fit_bounds, HASHLIGHT_OT_plan_cameras)


def register() -> None:
    """Draw the plan and keep it true."""
    plan_drawing.register()
    plan_watch.register()


def unregister() -> None:
    """Undo ``register``."""
    plan_watch.unregister()
    plan_drawing.unregister()
