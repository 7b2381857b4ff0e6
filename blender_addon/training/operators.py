"""Train, score, save."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty

from ..capture.preparation import prepare_plan
from ..capture.under_way import is_capturing
from ..folders import session_folder
from ..session import registry
from ..session.source import ensure_engine
from ..transfer import run_files
from . import run, saved_state


class HASHLIGHT_OT_train(bpy.types.Operator):
    """Train on the captured views: go on where training stood, or from the beginning when there is nothing yet"""

    # Returns at once, in the background too; pumping does the rest.
    bl_idname = "hashlight.train"
    bl_label = "Train"
    bl_options = {"REGISTER"}

    anew: BoolProperty(
        name="Anew",
        description="Forget what was learnt and start from the beginning",
        default=False,
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            run.train_on_captured(context.scene, self.anew)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class HASHLIGHT_OT_train_smaller(bpy.types.Operator):
    """Train anew with a smaller preset, which needs less memory and shows less detail"""

    # Returns at once, in the background too; pumping does the rest.
    bl_idname = "hashlight.train_smaller"
    bl_label = "Train with a Smaller Preset"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("There is no smaller preset: use fewer or smaller views")
        session = registry.current()
        return session is not None and run.smaller_preset(session, context.scene) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.hashlight.training
        settings.preset = run.smaller_preset(registry.current(), context.scene)
        try:
            run.train_on_captured(context.scene, anew=True)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class HASHLIGHT_OT_capture_and_train(bpy.types.Operator):
    """Capture all planned views and train on each from the moment it is rendered"""

    # In the background it returns when everything is captured, having pumped after each view. In a window Blender stays
    # usable between views, and Esc ends the capture; training goes on with what there is.
    bl_idname = "hashlight.capture_and_train"
    bl_label = "Capture and Train"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("A capture is under way")
        return not is_capturing()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return self._run(context, "INVOKE_DEFAULT")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self._run(context, "EXEC_DEFAULT")

    def _run(self, context: bpy.types.Context, how: str) -> set[str]:
        try:
            prepare_plan(context)
            session = ensure_engine(context.scene)
            run.open_run_for_capture(session, context.scene)
            run.train(session, context.scene)
            outcome = bpy.ops.hashlight.capture(how)
        except (ValueError, RuntimeError) as error:
            self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
            return {"CANCELLED"}
        return {"CANCELLED"} if "CANCELLED" in outcome else {"FINISHED"}


class HASHLIGHT_OT_pause_training(bpy.types.Operator):
    """Pause training; Train goes on with it"""

    # Returns at once, in the background too.
    bl_idname = "hashlight.pause_training"
    bl_label = "Pause"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Nothing is being trained")
        session = registry.current()
        return session is not None and session.phase in ("starting", "ready") and session.wants_training

    def execute(self, context: bpy.types.Context) -> set[str]:
        registry.current().pause()
        return {"FINISHED"}


class _NeedsRun:
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Needs a run: capture and train first")
        return run.session_of(context.scene) is not None or saved_state.has_saved_run(context.scene)


class HASHLIGHT_OT_evaluate(_NeedsRun, bpy.types.Operator):
    """Score the held-out views now"""

    # Returns at once, in the background too: pump until the session's evaluations grow.
    bl_idname = "hashlight.evaluate"
    bl_label = "Evaluate Now"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            run.ensure_run(context.scene).evaluate()
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class HASHLIGHT_OT_save_snapshot(bpy.types.Operator):
    """Write what was learnt to disk now; from an engine on another computer it is fetched into the session folder"""

    # Returns at once, in the background too: pump until the session's snapshot changes.
    bl_idname = "hashlight.save_snapshot"
    bl_label = "Save Snapshot"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Needs an engine with this file's run")
        session = run.session_of(context.scene)
        return session is not None and session.phase in ("starting", "ready")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            run_files.save_snapshot(registry.current(), session_folder(context.scene) / run.RUN)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (
    HASHLIGHT_OT_train,
    HASHLIGHT_OT_train_smaller,
    HASHLIGHT_OT_capture_and_train,
    HASHLIGHT_OT_pause_training,
    HASHLIGHT_OT_evaluate,
    HASHLIGHT_OT_save_snapshot,
)


def register() -> None:
    """Listen to captures, and follow saving and loading."""
    run.register()
    saved_state.register()


def unregister() -> None:
    """Undo ``register``."""
    saved_state.unregister()
    run.unregister()
