"""Train, score, save."""

from __future__ import annotations

import bpy

from ..attempts import Attempts
from ..capture.operators import CapturesViews
from ..folders import run_folder
from ..session import registry
from ..session.source import ensure_engine
from ..transfer import run_files
from . import run, saved_state
from .in_use import find_user
from .reasons import find_missing_engine, find_missing_run, find_missing_views


class _NeedsRun:
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = find_missing_run(context.scene)
        cls.poll_message_set(reason)
        return not reason


class HASHLIGHT_OT_train(Attempts, bpy.types.Operator):
    """Train on the captured views, going on where training stood"""

    # Returns at once, in the background too; pumping does the rest.
    bl_idname = "hashlight.train"
    bl_label = "Train"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = run.session_of(context.scene)
        if session is None:
            reason = find_missing_engine() or find_missing_views(context.scene) or find_user(context.scene)
        else:
            reason = "Training is running" if run.is_training(session) else ""
        cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.attempt(lambda: run.train_on_captured(context.scene, anew=False))


class HASHLIGHT_OT_capture_and_train(CapturesViews, bpy.types.Operator):
    """Capture all views, and train on each as soon as it is rendered"""

    # In the background it returns when everything is captured, having pumped after each view. In a window Blender stays
    # usable between views, and Esc ends the capture; training goes on with what there is.
    bl_idname = "hashlight.capture_and_train"
    bl_label = "Capture and Train"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if missing := find_missing_engine():
            cls.poll_message_set(f"{missing}; Capture needs no engine")
            return False
        return super().poll(context)

    def prepare(self, context: bpy.types.Context) -> None:
        run.require_free(context.scene)
        ensure_engine(context.scene)

    def begin(self, context: bpy.types.Context) -> None:
        session = ensure_engine(context.scene)
        run.open_run_for_capture(session, context.scene)
        run.train(session, context.scene)

    def give_up(self) -> None:
        run.stop_waiting()


class HASHLIGHT_OT_pause_training(bpy.types.Operator):
    """Pause training. Train goes on with it"""

    # Returns at once, in the background too.
    bl_idname = "hashlight.pause_training"
    bl_label = "Pause"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("No training is running")
        session = registry.current()
        return session is not None and run.is_training(session)

    def execute(self, context: bpy.types.Context) -> set[str]:
        registry.current().pause()
        return {"FINISHED"}


class HASHLIGHT_OT_evaluate(Attempts, _NeedsRun, bpy.types.Operator):
    """Score the test views now"""

    # Returns at once, in the background too: pump until the session's evaluations grow.
    bl_idname = "hashlight.evaluate"
    bl_label = "Evaluate Now"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.attempt(lambda: run.ensure_run(context.scene).evaluate())


class HASHLIGHT_OT_save_snapshot(Attempts, bpy.types.Operator):
    """Write the run to disk now. From an engine on another computer it is fetched"""

    # Returns at once, in the background too: pump until the session's snapshot changes.
    bl_idname = "hashlight.save_snapshot"
    bl_label = "Save Snapshot"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        session = run.session_of(context.scene)
        reason = find_missing_run(context.scene) or "The run is on disk already, and no engine has it open"
        cls.poll_message_set(reason)
        return session is not None and session.phase in ("starting", "ready")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.attempt(lambda: run_files.save_snapshot(registry.current(), run_folder(context.scene)))


CLASSES = (
    HASHLIGHT_OT_train,
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
