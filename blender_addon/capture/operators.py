"""Fit bounds, plan cameras, capture."""

from __future__ import annotations

import functools

import bpy
import numpy as np
from bpy.props import BoolProperty

from engine.link.geometry import Camera
from engine.link.messages import Split

from .. import app_handlers
from ..durations import describe_rest
from ..folders import capture_folder
from ..layout import is_over_our_panels, is_over_status_bar, redraw_sidebars
from . import bounds as capture_bounds
from . import escape_watch, plan_drawing, plan_watch, poses, temporary_scene
from .errors import CaptureCancelled, CaptureError
from .job import CaptureJob, ViewListener
from .plan import GENERATED_RIGS, plan_cameras, planned_views, remove_planned_cameras
from .preparation import prepare_plan
from .render_reports import last_words

# Called with every view that the Capture operator captures: (name, split, camera, color, depth, seconds).
view_listeners: list[ViewListener] = []

_job: CaptureJob | None = None  # the capture under way
_timer: bpy.types.Timer | None = None  # what drives it in a window
_cancel_wanted = False  # the panel's button was pressed
_stopped_at = ""  # the view at which the last capture in a window was stopped

# Looking around goes on working while views are captured, and so do our panels and the status bar, where Blender has a
# cross that cancels renders; edits would change the scene between two views.
_HARMLESS_EVENTS = {"MOUSEMOVE", "INBETWEEN_MOUSEMOVE", "MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "TRACKPADPAN"}
_HARMLESS_EVENTS |= {"TRACKPADZOOM", "NDOF_MOTION", "TIMER_REPORT", "WINDOW_DEACTIVATE"}

_BEGINNING = "Capturing"  # what is reported first begins with it


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


class HASHLIGHT_OT_capture(bpy.types.Operator):
    bl_idname = "hashlight.capture"
    bl_label = "Capture"
    bl_description = (
        "Render all planned views, fitting bounds and planning cameras where there are none; an interrupted capture "
        "goes on where it stopped"
    )
    bl_options = {"REGISTER"}

    _job: CaptureJob
    _scene_name = ""
    _is_stopping = False
    _shown = ""  # in the status bar

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("A capture is under way")
        return not is_capturing()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        global _timer
        if bpy.app.background or context.window is None:
            return self.execute(context)
        if not self._start(context, in_window=True):
            return {"CANCELLED"}
        manager = context.window_manager
        manager.progress_begin(0, self._job.total)
        _timer = manager.event_timer_add(0.01, window=context.window)
        manager.modal_handler_add(self)
        self._show_progress(context)
        self.report({"INFO"}, f"{_BEGINNING} {self._job.total} views")
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        global _stopped_at
        if _cancel_wanted or escape_watch.is_pressed() or (event.type == "ESC" and event.value == "PRESS"):
            self._is_stopping = True
            self._show_progress(context)
        elif event.type != "TIMER":
            is_allowed = self._is_stopping or event.type in _HARMLESS_EVENTS or _is_harmless_click(context, event)
            return {"PASS_THROUGH"} if is_allowed else {"RUNNING_MODAL"}
        try:
            if self._is_stopping:
                if self._job.is_busy:  # the renderer takes a moment, in which Blender is all the user's
                    return {"PASS_THROUGH"}
                raise CaptureCancelled
            self._job.advance()
        except StopIteration:
            self._end()
            self._report_result()
            return {"FINISHED"}
        except CaptureCancelled:
            # A renderer that fails ends its job in the same way as Esc does: the same view must not come first again.
            _stopped_at = self._job.current_name
            words = "" if self._is_stopping else last_words(context, _BEGINNING)
            if words:
                self._job.warn(f"View {_stopped_at} could not be rendered: {words}")
            self._end()
            count = f"{self._job.done} of {self._job.total} are done"
            why = f" ({words})" if words else ""
            self.report({"WARNING"}, f"Capture stopped at view {_stopped_at}{why}, {count}: run it to go on")
            return {"CANCELLED"}
        except Exception as error:
            if isinstance(error, CaptureError):
                self._job.warn(str(error))
            self._end()
            if not isinstance(error, CaptureError):
                raise
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._show_progress(context)
        return {"PASS_THROUGH"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self._start(context, in_window=False):
            return {"CANCELLED"}
        try:
            with self._job:
                for _view in self._job:
                    pass
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            _forget_job()
            self._keep_warnings()
        self._report_result()
        return {"FINISHED"}

    def _start(self, context: bpy.types.Context, in_window: bool) -> bool:
        global _job, _cancel_wanted
        scene = context.scene
        try:
            scene.hashlight.capture.capture_warnings = ""
            prepare_plan(context)
            self._job = CaptureJob(
                scene, context.view_layer, capture_folder(scene), tell_listeners, in_window, _stopped_at
            )
            if scene.hashlight.capture.rig == "ANIMATION":
                poses.keep_animation(scene, self._job.poses)
                plan_watch.check(context)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return False
        _job, _cancel_wanted = self._job, False
        escape_watch.forget()
        self._scene_name = scene.name
        return True

    def _end(self) -> None:
        self._job.close()
        _forget_job()
        self._keep_warnings()

    def _keep_warnings(self) -> None:
        """Show what was found in the panel, however the capture ended."""
        if (scene := bpy.data.scenes.get(self._scene_name)) is not None:
            scene.hashlight.capture.capture_warnings = "\n".join(self._job.warnings)

    def _show_progress(self, context: bpy.types.Context) -> None:
        job = self._job
        words = f"Capturing: {describe_capture()[1]} — Esc stops"
        if self._is_stopping:
            words = f"Stopping the capture, {job.done} of {job.total} views are done"
        if words != self._shown:  # each time costs a redraw
            self._shown = words
            context.window_manager.progress_update(job.done)
            context.workspace.status_text_set(words)
            redraw_sidebars()

    def _report_result(self) -> None:
        for warning in self._job.warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, f"Captured {self._job.total} views into {self._job.dataset.folder}")


class HASHLIGHT_OT_cancel_capture(bpy.types.Operator):
    # Only of use in a window: elsewhere a capture returns when it is done.
    bl_idname = "hashlight.cancel_capture"
    bl_label = "Cancel Capture"
    bl_description = "Stop after the view at hand; Esc, or the cross in the status bar, stops in the middle of it"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Nothing is being captured")
        return is_capturing()

    def execute(self, context: bpy.types.Context) -> set[str]:
        global _cancel_wanted
        _cancel_wanted = True
        return {"FINISHED"}


def _is_harmless_click(context: bpy.types.Context, event: bpy.types.Event) -> bool:
    x, y = event.mouse_x, event.mouse_y
    return event.type == "LEFTMOUSE" and (is_over_our_panels(context, x, y) or is_over_status_bar(context, y))


def describe_capture() -> tuple[float, str]:
    """The share (0..1) of the capture under way that is done, and how it stands in words."""
    assert _job is not None
    return _job.done / _job.total, f"{_job.done} of {_job.total} views{describe_rest(_job.eta_seconds)}"


def is_capturing() -> bool:
    """Whether a capture is under way."""
    return _job is not None


def _forget_job() -> CaptureJob | None:
    """No capture is under way any more; returns the one that was. Nothing tells of its progress now."""
    global _job, _timer
    job, _job = _job, None
    if _timer is not None:
        manager = bpy.context.window_manager
        manager.event_timer_remove(_timer)
        manager.progress_end()
        _timer = None
        for workspace in bpy.data.workspaces:
            workspace.status_text_set(None)
        redraw_sidebars()
    return job


def _before_load(*_: object) -> None:
    if (job := _forget_job()) is not None:
        job.abandon()


def _after_load(*_: object) -> None:
    temporary_scene.remove_leftovers()


def _close_when_idle(job: CaptureJob) -> float | None:
    """A timer: Blender crashes when a scene is taken from under its render."""
    if job.is_busy:
        return 0.1
    job.close()
    return None


def tell_listeners(
    name: str, split: Split, camera: Camera, color: np.ndarray, depth: np.ndarray | None, seconds: float
) -> None:
    """Hand a captured view to all ``view_listeners``."""
    for listener in tuple(view_listeners):
        listener(name, split, camera, color, depth, seconds)


CLASSES = (
    HASHLIGHT_OT_fit_bounds,
    HASHLIGHT_OT_plan_cameras,
    HASHLIGHT_OT_capture,
    HASHLIGHT_OT_cancel_capture,
    escape_watch.HASHLIGHT_OT_watch_escape,
)
_HANDLERS = ((bpy.app.handlers.load_pre, _before_load), (bpy.app.handlers.load_post, _after_load))


def register() -> None:
    """Draw the plan and keep it true, and follow the loading of files."""
    plan_drawing.register()
    plan_watch.register()
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``, and end the capture under way."""
    job = _forget_job()
    if job is not None and _close_when_idle(job) is not None:
        bpy.app.timers.register(functools.partial(_close_when_idle, job))
    app_handlers.remove(_HANDLERS)
    plan_watch.unregister()
    plan_drawing.unregister()
