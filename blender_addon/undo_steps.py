"""Steps to undo, for what comes into the scene without an operator of Blender's that would make one."""

from __future__ import annotations

import bpy

from . import app_handlers
from .capture import temporary_scene

CLASSES = ()

_due = ""  # the message of the step to be made when the current capture has ended


def push(message: str) -> None:
    """Make a step of what was put into the scene just now. Without one it would go with whatever is undone next.

    Under a capture, whose copy of the scene would come back with the step, it is due until ``push_due``. In the
    background there is none: nothing is undone there.
    """
    global _due
    if bpy.app.background:
        return
    if temporary_scene.is_there():
        _due = message
    else:
        bpy.ops.ed.undo_push(message=message)


def push_due() -> None:
    """Make the step, if any, that a capture delayed. To be called when that has ended and its copy is gone."""
    global _due
    message, _due = _due, ""
    if message:
        push(message)


def _forget(*_: object) -> None:
    """Another file was loaded, or an undo took what the step was to be made of."""
    global _due
    _due = ""


_HANDLERS = ((bpy.app.handlers.load_pre, _forget), (bpy.app.handlers.undo_post, _forget))


def register() -> None:
    """Follow the loading of files, and undo."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    _forget()
    app_handlers.remove(_HANDLERS)
