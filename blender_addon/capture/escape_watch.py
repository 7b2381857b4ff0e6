"""Sees Esc in spite of a render that Blender runs beside its window: the render's own handler keeps the key to itself.

Whoever began first is asked last. So what sees the key must begin after each render, and it lets everything through.
"""

from __future__ import annotations

import bpy

_is_pressed = False


class HASHLIGHT_OT_watch_escape(bpy.types.Operator):
    # Lasts as long as the render that was begun just before it.
    bl_idname = "hashlight.watch_escape"
    bl_label = "Watch Escape"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        global _is_pressed
        _is_pressed = False
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        global _is_pressed
        _is_pressed |= event.type == "ESC" and event.value == "PRESS"
        return {"PASS_THROUGH"} if bpy.app.is_job_running("RENDER") else {"FINISHED", "PASS_THROUGH"}


def begin() -> None:
    """Watch from now on; right after a render was begun in the window of the context."""
    bpy.ops.hashlight.watch_escape("INVOKE_DEFAULT")


def is_pressed() -> bool:
    """Whether Esc was pressed since ``begin``."""
    return _is_pressed


def forget() -> None:
    """What was pressed is of no account any more."""
    global _is_pressed
    _is_pressed = False
