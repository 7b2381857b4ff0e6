"""Where a scene's captures, runs and bakes are kept, and where the engine is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import bpy

from engine.link.capture_format import CAPTURE

TAKES = "takes"  # where the folders of all takes but the first are, inside the session folder

_unsaved_name = ""  # the file that is open and was never saved has a folder of its own


def session_folder(scene: bpy.types.Scene) -> Path:
    """The absolute folder that holds all of this scene's files; not created here.

    The one named in the scene's settings; else ``NAME.hashlight`` beside the .blend; else, while the file has never
    been saved, one in Blender's folder for extensions' files. That one is used after the first save, too, until it
    can be moved beside the .blend.
    """
    if chosen := scene.hashlight.folder.strip():
        if chosen.startswith("//") and not bpy.data.filepath:
            raise ValueError(f"Folder {chosen} is relative to the .blend file, which was never saved: save it first")
        return Path(bpy.path.abspath(chosen)).absolute()
    if not bpy.data.filepath:
        return unsaved_root() / _name_unsaved()
    beside = folder_beside_blend()
    former = scene.hashlight.former_folder
    return Path(former) if former and not beside.exists() and Path(former).is_dir() else beside


def take_path(scene: bpy.types.Scene) -> str:
    """The folder of the scene's open take relative to the session folder, ending in a slash: "takes/NAME/"; "" for the
    first take, whose capture, run and bakes lie in the session folder itself."""
    return f"{TAKES}/{scene.hashlight.take}/" if scene.hashlight.take else ""


def capture_folder(scene: bpy.types.Scene) -> Path:
    """Where the dataset captured for this scene's open take is kept; not created here."""
    return session_folder(scene) / take_path(scene) / CAPTURE


def run_folder(scene: bpy.types.Scene) -> Path:
    """Where the run of this scene's open take is kept; not created here."""
    return session_folder(scene) / take_path(scene) / "run"


def bakes_folder(scene: bpy.types.Scene) -> Path:
    """Where the bakes of this scene's open take are kept, a folder each; not created here."""
    return session_folder(scene) / take_path(scene) / "bakes"


def folder_beside_blend() -> Path:
    """The folder that belongs to the .blend, which must have been saved."""
    return Path(bpy.data.filepath).absolute().with_suffix(".hashlight")


def unsaved_root() -> Path:
    """Where the folders of files are that were never saved; not created here."""
    return Path(bpy.utils.extension_path_user(__package__)) / "unsaved"


def forget_unsaved() -> None:
    """Another file was opened: should it be a new one, it gets a folder of its own."""
    global _unsaved_name
    _unsaved_name = ""


def engine_folder() -> Path:
    """Where the engine's own environments are kept; not created here. It goes when the extension is uninstalled."""
    return Path(bpy.utils.extension_path_user(__package__)) / "engine"


def extension_folder() -> Path:
    """Where the extension itself is installed."""
    return Path(__file__).resolve().parent


def _name_unsaved() -> str:
    global _unsaved_name
    if not _unsaved_name:
        _unsaved_name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 1_000_000:06d}"
    return _unsaved_name
