"""Start and stop the engine."""

from __future__ import annotations

import bpy

from . import registry
from .source import ensure_engine


def _phase() -> str:
    session = registry.current()
    return "stopped" if session is None else session.phase


class HASHLIGHT_OT_start_engine(bpy.types.Operator):
    """Start the engine, or connect to the one that the preferences name"""

    # Returns at once, in the background too: pump until the session's phase is "ready".
    bl_idname = "hashlight.start_engine"
    bl_label = "Start Engine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The engine is running")
        return _phase() not in ("starting", "ready")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            ensure_engine(context.scene)
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class HASHLIGHT_OT_stop_engine(bpy.types.Operator):
    """Have the engine save its run and end; an engine started elsewhere is only left alone"""

    # Returns at once, in the background too: pump until the session's phase is "stopped".
    bl_idname = "hashlight.stop_engine"
    bl_label = "Stop Engine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The engine is not running")
        return _phase() in ("starting", "ready")

    def execute(self, context: bpy.types.Context) -> set[str]:
        registry.current().stop()
        return {"FINISHED"}


class HASHLIGHT_OT_restart_engine(bpy.types.Operator):
    """End the engine even if it does not answer, start it again, and go on from the last snapshot"""

    # Returns at once, in the background too: pump until the session's phase is "ready".
    bl_idname = "hashlight.restart_engine"
    bl_label = "Restart Engine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The engine is not running")
        return _phase() == "ready"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            registry.current().restart()
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (HASHLIGHT_OT_start_engine, HASHLIGHT_OT_stop_engine, HASHLIGHT_OT_restart_engine)


def register() -> None:
    """Make sure that no engine outlives Blender."""
    registry.register()


def unregister() -> None:
    """End the engine."""
    registry.unregister()
