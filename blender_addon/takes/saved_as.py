"""What stays with a file when it is saved under another name: its captures, runs and frames."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import app_handlers
from ..folders import file_folder, folder_beside_blend

_before: Path | None = None  # the folder beside the .blend that is being saved, by the name that it has so far
_left: Path | None = None  # what the open file had under its former name


def find_left(scene: bpy.types.Scene) -> Path | None:
    """The folder that ``scene`` had under the file's former name, as long as it has none now. Cheap: for panels."""
    if _left is None or scene.hashlight.folder.strip() or file_folder(scene).exists() or not _left.is_dir():
        return None
    return _left


def describe(scene: bpy.types.Scene) -> str:
    """Where that is, and how to have it, as a message; "" where there is none."""
    left = find_left(scene)
    if left is None:
        return ""
    return (
        f"What was captured is in {left}, with the former file. To use it here, set Capture > Output > Folder to that"
    )


def _before_save(*_: object) -> None:
    global _before
    _before = folder_beside_blend() if bpy.data.filepath else None


def _after_save(*_: object) -> None:
    global _left
    if _before is not None and _before != folder_beside_blend() and _before.is_dir():
        _left = _before


def _before_load(*_: object) -> None:
    global _left
    _left = None


_HANDLERS = (
    (bpy.app.handlers.save_pre, _before_save),
    (bpy.app.handlers.save_post, _after_save),
    (bpy.app.handlers.load_pre, _before_load),
)


def register() -> None:
    """Follow saving and loading."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
    _before_load()
