"""Start and stop the engine."""

from __future__ import annotations

import bpy

from ..attempts import Attempts
from . import registry
from .failure import BUSY
from .source import ensure_engine


def _phase() -> str:
    session = registry.current()
    return "stopped" if session is None else session.phase


class HASHLIGHT_OT_start_engine(Attempts, bpy.types.Operator):
    """Start the engine, or connect to the one that the preferences name"""

    # Returns at once, in the background too: pump until the session's phase is "ready".
    bl_idname = "hashlight.start_engine"
    bl_label = "Start Engine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The engine is starting" if _phase() == "starting" else "The engine is running")
        return _phase() not in ("starting", "ready")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.attempt(lambda: ensure_engine(context.scene))


class HASHLIGHT_OT_stop_engine(bpy.types.Operator):
    """Save the run and end the engine. One that was started elsewhere goes on"""

    # Returns at once, in the background too: pump until the session's phase is "stopped".
    bl_idname = "hashlight.stop_engine"
    bl_label = "Stop Engine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The engine is stopping" if _phase() == "stopping" else "The engine is not running")
        return _phase() in ("starting", "ready")

    def execute(self, context: bpy.types.Context) -> set[str]:
        registry.current().stop()
        return {"FINISHED"}


class HASHLIGHT_OT_restart_engine(Attempts, bpy.types.Operator):
    """End the engine, start it again, and go on from the last snapshot"""

    # Returns at once, in the background too: pump until the session's phase is "ready".
    bl_idname = "hashlight.restart_engine"
    bl_label = "Restart Engine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The engine is starting" if _phase() == "starting" else "The engine is not running")
        session = registry.current()
        return session is not None and (session.phase == "ready" or session.is_reconnecting)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.attempt(lambda: registry.current().restart())


class HASHLIGHT_OT_take_over_engine(Attempts, bpy.types.Operator):
    """Use the engine in the place of the client that it is busy with, which loses its connection"""

    # Returns at once, in the background too: pump until the session's phase is "ready".
    bl_idname = "hashlight.take_over_engine"
    bl_label = "Take Over Engine"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("No engine is busy with another client")
        session = registry.current()
        return session is not None and session.failure is not None and session.failure.code == BUSY

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.attempt(lambda: ensure_engine(context.scene, take_over=True))


CLASSES = (
    HASHLIGHT_OT_start_engine,
    HASHLIGHT_OT_stop_engine,
    HASHLIGHT_OT_restart_engine,
    HASHLIGHT_OT_take_over_engine,
)


def register() -> None:
    """Make sure that no engine outlives Blender."""
    registry.register()


def unregister() -> None:
    """End the engine."""
    registry.unregister()
