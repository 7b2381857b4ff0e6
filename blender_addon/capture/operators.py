"""Fit bounds, plan cameras, capture."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import BoolProperty

from engine.link.geometry import Camera
from engine.link.messages import Split

from ..folders import capture_folder
from . import bounds as capture_bounds
from . import plan_drawing
from .errors import CaptureError
from .job import CaptureJob, ViewListener
from .plan import GENERATED_RIGS, plan_cameras, planned_views, remove_planned_cameras
from .plan_checks import find_plan_warnings

# Called with every view that the Capture operator captures: (name, split, camera, color, depth, seconds).
view_listeners: list[ViewListener] = []

# Looking around goes on working while views are captured; edits would change the scene between two of them.
_HARMLESS_EVENTS = {"MOUSEMOVE", "INBETWEEN_MOUSEMOVE", "MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "TRACKPADPAN"}
_HARMLESS_EVENTS |= {"TRACKPADZOOM", "NDOF_MOTION", "TIMER_REPORT", "WINDOW_DEACTIVATE"}


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
            else:
                remove_planned_cameras(scene)
            views = planned_views(scene)
            scene.hashlight.capture.plan_warnings = "\n".join(find_plan_warnings(context))
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        training = sum(view.split == "train" for view in views)
        self.report({"INFO"}, f"{training} training and {len(views) - training} held-out views")
        return {"FINISHED"}


class HASHLIGHT_OT_capture(bpy.types.Operator):
    bl_idname = "hashlight.capture"
    bl_label = "Capture"
    bl_description = "Render all planned views; an interrupted capture goes on where it stopped"
    bl_options = {"REGISTER"}

    _job: CaptureJob
    _timer: bpy.types.Timer | None = None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        if not self._start(context):
            return {"CANCELLED"}
        manager = context.window_manager
        manager.progress_begin(0, self._job.total)
        self._timer = manager.event_timer_add(0.01, window=context.window)
        manager.modal_handler_add(self)
        self._show_progress(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self._end(context)
            self.report(
                {"WARNING"}, f"Capture stopped after {self._job.done} of {self._job.total} views: run it to go on"
            )
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"} if event.type in _HARMLESS_EVENTS else {"RUNNING_MODAL"}
        try:
            next(self._job)
        except StopIteration:
            self._end(context)
            self._report_result()
            return {"FINISHED"}
        except Exception as error:
            self._end(context)
            if not isinstance(error, CaptureError):
                raise
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._show_progress(context)
        return {"PASS_THROUGH"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self._start(context):
            return {"CANCELLED"}
        try:
            with self._job:
                for _view in self._job:
                    pass
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._report_result()
        return {"FINISHED"}

    def _start(self, context: bpy.types.Context) -> bool:
        try:
            self._job = CaptureJob(context.scene, context.view_layer, capture_folder(context.scene), tell_listeners)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return False
        return True

    def _end(self, context: bpy.types.Context) -> None:
        self._job.close()
        manager = context.window_manager
        manager.progress_end()
        if self._timer is not None:
            manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)

    def _show_progress(self, context: bpy.types.Context) -> None:
        job = self._job
        context.window_manager.progress_update(job.done)
        eta = f", {job.eta_seconds:.0f} s left" if job.eta_seconds is not None else ""
        context.workspace.status_text_set(f"Capturing view {job.done + 1} of {job.total}{eta} — Esc stops")

    def _report_result(self) -> None:
        for warning in self._job.warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, f"Captured {self._job.total} views into {self._job.dataset.folder}")


def tell_listeners(
    name: str, split: Split, camera: Camera, color: np.ndarray, depth: np.ndarray | None, seconds: float
) -> None:
    """Hand a captured view to all ``view_listeners``."""
    for listener in tuple(view_listeners):
        listener(name, split, camera, color, depth, seconds)


CLASSES = (HASHLIGHT_OT_fit_bounds, HASHLIGHT_OT_plan_cameras, HASHLIGHT_OT_capture)
register, unregister = plan_drawing.register, plan_drawing.unregister
