"""Capture, stop that."""

from __future__ import annotations

import time
from pathlib import Path

import bpy

from .. import undo_steps
from ..folders import capture_folder
from ..layout import redraw_sidebars
from ..pointer import is_over_our_panels, is_over_status_bar
from . import current_capture, escape_watch, plan_watch, poses, told_findings
from .errors import CaptureCancelled, CaptureError, ChangedPlanError
from .job import CaptureJob
from .passed_over import describe_backdrop
from .preparation import prepare_plan
from .render_reports import last_words

_stopped_at: dict[Path, str] = {}  # by capture folder: the view at which the last capture in a window was stopped

# Looking around goes on working while views are captured, and so do our panels and the status bar, where Blender has a
# cross that cancels renders; edits would change the scene between two views.
_HARMLESS_EVENTS = {"MOUSEMOVE", "INBETWEEN_MOUSEMOVE", "MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "TRACKPADPAN"}
_HARMLESS_EVENTS |= {"TRACKPADZOOM", "NDOF_MOTION", "TIMER_REPORT", "WINDOW_DEACTIVATE"}

_BEGINNING = "Capturing"  # what is reported first begins with it


class CapturesViews:
    """What operators share that capture: in a window they are modal, and elsewhere they return when all is captured."""

    _job: CaptureJob
    _scene_name = ""
    _is_stopping = False
    _is_pointed_at = False  # the pointer is over our panels, in which no button is to move then
    _shown: tuple[str, bool, int] = ("", False, 0)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("A capture is in progress")
        return not current_capture.is_capturing()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        if not self._start(context, in_window=True):
            return {"CANCELLED"}
        context.window_manager.modal_handler_add(self)
        self._show_progress(context)
        backdrop = describe_backdrop(context.scene)
        self.report({"INFO"}, _describe_beginning(self._job) + (f". {backdrop}" if backdrop else ""))
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._is_pointed_at = is_over_our_panels(context, event.mouse_x, event.mouse_y)
        if escape_watch.is_pressed() or (event.type == "ESC" and event.value == "PRESS"):
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
            is_view_done = self._job.advance() is not None
            if is_view_done:
                self._keep_warnings()
            if is_view_done and current_capture.is_stop_wanted() and self._job.done < self._job.total:
                self._end()
                self.report({"WARNING"}, f"Capture stopped, {self._count()}: run it to go on")
                return {"CANCELLED"}
        except StopIteration:
            self._end()
            self._report_result()
            if not self._is_pointed_at:  # likewise
                self._fold_plan()
            return {"FINISHED"}
        except CaptureCancelled:
            # A renderer that fails ends its job in the same way as Esc does: the same view must not come first again.
            name = _stopped_at[self._job.dataset.folder] = self._job.current_name
            words = "" if self._is_stopping else last_words(context, _BEGINNING)
            if words:
                self._job.warn(f"View {name} could not be rendered: {words}")
            self._end()
            why = f" ({words})" if words else ""
            self.report({"WARNING"}, f"Capture stopped at view {name}{why}, {self._count()}: run it to go on")
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
            for _view in self._job:
                pass
        except CaptureError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            self._end()
        self._report_result()
        self._fold_plan()
        return {"FINISHED"}

    def prepare(self, context: bpy.types.Context) -> None:
        """See that what else is needed is there, before the plan is looked at. Raises ValueError."""

    def begin(self, context: bpy.types.Context) -> None:
        """Do what else is to be done once it is clear that views will be rendered. Raises ValueError."""

    def give_up(self) -> None:
        """Undo ``begin``: the capture has ended without a view."""

    def _start(self, context: bpy.types.Context, in_window: bool) -> bool:
        scene = context.scene
        try:
            scene.hashlight.capture.capture_findings.clear()
            told_findings.forget_waiting(scene)
            prepare_plan(context)
            self.prepare(context)
            folder = capture_folder(scene)
            last = _stopped_at.get(folder, "")
            self._job = CaptureJob(scene, context.view_layer, folder, current_capture.tell_listeners, in_window, last)
            if poses.needs_walk(scene, context.view_layer):
                poses.keep_poses(scene, self._job.poses)
                plan_watch.check(context)
        except ChangedPlanError as error:
            if not in_window:
                self.report({"ERROR"}, f"{error}, or replace what is there")
                return False
            self.report({"WARNING"}, str(error))
            _offer_takes(context, error, self.bl_idname)
            return False
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return False
        try:
            self.begin(context)
        except ValueError as error:
            self._job.close()
            self.report({"ERROR"}, str(error))
            return False
        current_capture.begin(self._job, context.window if in_window else None)
        self._scene_name = scene.name
        self._keep_warnings()
        return True

    def _end(self) -> None:
        self._job.close()
        current_capture.end()
        if self._job.done == 0:
            self.give_up()
        self._keep_warnings()
        undo_steps.push_due()

    def _keep_warnings(self) -> None:
        """Show what was found so far in the panel, where it stays however the capture ends; while the pointer is over
        that, in a while: no button moves under it."""
        scene = bpy.data.scenes.get(self._scene_name)
        if scene is not None and self._is_pointed_at:
            told_findings.tell_later(self._job.warnings, scene)
        elif scene is not None:
            told_findings.forget_waiting(scene)
            told_findings.tell(self._job.warnings, scene.hashlight.capture.capture_findings)

    def _show_progress(self, context: bpy.types.Context) -> None:
        words = f"Capturing: {current_capture.describe_capture()[1]} — Esc stops"
        if self._is_stopping:
            words = f"Stopping the capture, {self._count()}"
        elif current_capture.is_stop_wanted():
            words = f"Stopping after this view, {self._count()} — Esc stops at once"
        shown = words, bpy.app.is_job_running("RENDER"), int(time.monotonic())
        if shown != self._shown:  # each time costs a redraw; the view's own progress stands in the panel
            self._shown = shown
            context.window_manager.progress_update(self._job.done)
            context.workspace.status_text_set(words)
            redraw_sidebars()

    def _count(self) -> str:
        return f"{self._job.done} of {self._job.total} views are done"

    def _fold_plan(self) -> None:
        """All is captured: what comes next is to be in sight."""
        if (scene := bpy.data.scenes.get(self._scene_name)) is not None:
            scene.hashlight.capture.show_settings = False

    def _report_result(self) -> None:
        for warning in self._job.warnings:
            self.report({"WARNING"}, warning.words)
        self.report({"INFO"}, f"Captured {self._job.total} views into {self._job.dataset.folder}")


def _describe_beginning(job: CaptureJob) -> str:
    if job.kept == 0:
        return f"{_BEGINNING} {job.total} views"
    return f"{_BEGINNING} {job.total - job.kept or 'none'} of {job.total} views: the others are there already"


class HASHLIGHT_OT_capture(CapturesViews, bpy.types.Operator):
    bl_idname = "hashlight.capture"
    bl_label = "Capture"
    bl_description = "Render all views without training. An interrupted capture goes on where it stopped"
    bl_options = {"REGISTER"}


def _offer_takes(context: bpy.types.Context, error: ChangedPlanError, operator: str) -> None:
    """Ask where what is planned now is to be captured, and have ``operator``, by its idname, go on with the answer."""
    capture = operator.partition("_OT_")[2].upper()

    def draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
        layout = menu.layout
        layout.label(text=f"This take holds {error.difference}.")
        layout.operator("hashlight.new_take", text="Capture into a New Take", icon="ADD").then = capture
        layout.operator(
            "hashlight.replace_take", text="Replace: Move the Former Views into the Bin", icon="FILE_REFRESH"
        ).then = capture

    context.window_manager.popup_menu(draw, title="The Plan Has Changed", icon="QUESTION")


class HASHLIGHT_OT_stop_capture(bpy.types.Operator):
    # Only of use in a window: elsewhere a capture returns when it is done.
    bl_idname = "hashlight.stop_capture"
    bl_label = "Stop After This View"
    bl_description = "Stop when this view is done. Esc stops at once"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        is_stopping = current_capture.is_capturing() and current_capture.is_stop_wanted()
        cls.poll_message_set("It stops after this view" if is_stopping else "Nothing is being captured")
        return current_capture.is_capturing() and not is_stopping

    def execute(self, context: bpy.types.Context) -> set[str]:
        current_capture.ask_to_stop()
        return {"FINISHED"}


def _is_harmless_click(context: bpy.types.Context, event: bpy.types.Event) -> bool:
    x, y = event.mouse_x, event.mouse_y
    return event.type == "LEFTMOUSE" and (is_over_our_panels(context, x, y) or is_over_status_bar(context, y))


CLASSES = (HASHLIGHT_OT_capture, HASHLIGHT_OT_stop_capture, escape_watch.HASHLIGHT_OT_watch_escape)
register, unregister = current_capture.register, current_capture.unregister
