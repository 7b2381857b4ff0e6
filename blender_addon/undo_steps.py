"""Steps to undo, for what comes into the scene without an operator of Blender's that would make one."""

from __future__ import annotations

import bpy

from .capture import temporary_scene


def push(message: str) -> None:
    """Make a step of what was put into the scene just now. Without one it would go with whatever is undone next.

    Not under a capture, whose copy of the scene would come back with the step, nor in the background, where nothing is
    undone.
    """
    if not bpy.app.background and not temporary_scene.is_there():
        bpy.ops.ed.undo_push(message=message)
