"""Where a scene's captures, runs and bakes are kept."""

from __future__ import annotations

from pathlib import Path

import bpy


def session_folder(scene: bpy.types.Scene) -> Path:
    """The absolute folder that holds all of this scene's files; not created here.

    The one named in the scene's settings; else ``NAME.hashlight`` beside the .blend; else, while the file has never
    been saved, one in Blender's folder for extensions' files.
    """
    if chosen := scene.hashlight.folder.strip():
        if chosen.startswith("//") and not bpy.data.filepath:
            raise ValueError(f"Folder {chosen} is relative to the .blend file, which was never saved: save it first")
        return Path(bpy.path.abspath(chosen)).absolute()
    if bpy.data.filepath:
        return Path(bpy.data.filepath).absolute().with_suffix(".hashlight")
    return Path(bpy.utils.extension_path_user(__package__, path="unsaved", create=True))


def capture_folder(scene: bpy.types.Scene) -> Path:
    """Where this scene's captured dataset is kept; not created here."""
    return session_folder(scene) / "capture"
