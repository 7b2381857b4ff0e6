"""Fit the bounds, plan the cameras."""

from __future__ import annotations

from typing import ClassVar

import bpy

from engine.link.wording import counted_views

from . import bounds as capture_bounds
from . import plan_drawing, plan_watch
from .errors import CaptureError
from .plan import GENERATED_RIGS, plan_cameras, planned_views, remove_planned_cameras
from .subject import read_subject


class _FitsBounds:
    bl_options = {"REGISTER", "UNDO"}
    _selected_only: ClassVar[bool]

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        depsgraph = context.evaluated_depsgraph_get()
        try:
            bounds = capture_bounds.fit_bounds(scene, context.view_layer, depsgraph, self._selected_only)
            capture_bounds.show_bounds(scene, bounds)
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        plan_watch.follow_exactly(context)
        return {"FINISHED"}


class HASHLIGHT_OT_fit_bounds(_FitsBounds, bpy.types.Operator):
    bl_idname = "hashlight.fit_bounds"
    bl_label = "Fit Bounds"
    bl_description = "Fit the bounds to everything visible in renders"

    _selected_only = False


class HASHLIGHT_OT_fit_to_selected(_FitsBounds, bpy.types.Operator):
    bl_idname = "hashlight.fit_to_selected"
    bl_label = "Fit to Selected"
    bl_description = "Fit the bounds to the selected objects"

    _selected_only = True

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Nothing is selected: select what the bounds are to hold")
        return bool(context.selected_objects)


class HASHLIGHT_OT_plan_cameras(bpy.types.Operator):
    bl_idname = "hashlight.plan_cameras"
    bl_label = "Plan Cameras"
    bl_description = "Place the cameras and show them: blue for training, orange for test views"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        try:
            if scene.hashlight.capture.rig in GENERATED_RIGS:
                depsgraph = context.evaluated_depsgraph_get()
                bounds = capture_bounds.read_bounds(scene, depsgraph)
                plan_cameras(scene, bounds, read_subject(scene, context.view_layer, depsgraph, bounds))
            views = planned_views(scene)
            if scene.hashlight.capture.rig not in GENERATED_RIGS:
                remove_planned_cameras(scene)
            plan_watch.check(context, walk_views=True)
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        training = sum(view.split == "train" for view in views)
        self.report({"INFO"}, counted_views(training, len(views) - training))
        return {"FINISHED"}


CLASSES = (HASHLIGHT_OT_fit_bounds, HASHLIGHT_OT_fit_to_selected, HASHLIGHT_OT_plan_cameras)


def register() -> None:
    """Draw the plan and keep it true."""
    plan_drawing.register()
    plan_watch.register()


def unregister() -> None:
    """Undo ``register``."""
    plan_watch.unregister()
    plan_drawing.unregister()
