"""What stays with a file when it is saved under another name: its captures, runs and frames."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import app_handlers
from ..folders import file_folder, folder_beside_blend


def find_left(scene: bpy.types.Scene) -> Path | None:
    """The folder that ``scene`` had under the file's former name, as long as it has none now. Cheap: for panels."""
    left = scene.hashlight.last_folder
    if not left or not bpy.data.filepath or scene.hashlight.folder.strip():
        return None
    return Path(left) if Path(left).is_dir() and not file_folder(scene).exists() else None


def describe(scene: bpy.types.Scene) -> str:
    """Where that is, and how to have it, as a message; "" where there is none."""
    left = find_left(scene)
    if left is None:
        return ""
    return (
        f"What was captured is in {left}, with the former file. To use it here, set Capture > Output > Folder to that"
    )


def _before_save(*_: object) -> None:
    """Blender knows the file by its former name still."""
    if not bpy.data.filepath or not (folder := folder_beside_blend()).is_dir():
        return
    for scene in bpy.data.scenes:
        if not scene.hashlight.folder.strip():
            scene.hashlight.last_folder = str(folder)


_HANDLERS = ((bpy.app.handlers.save_pre, _before_save),)


def register() -> None:
    """Follow saving."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
