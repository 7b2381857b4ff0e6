"""Where a scene's captures, runs and bakes are kept, and where the engine is."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import bpy

from engine.link.capture_format import CAPTURE

from .folder_lock import FolderLock

TAKES = "takes"  # where the folders of all takes but the first are, inside the session folder
SCENES = "scenes"  # where the session folders of a file's other scenes are, inside that of the first

_unsaved_name = ""  # the file that is open and was never saved has a folder of its own


def session_folder(scene: bpy.types.Scene) -> Path:
    """The absolute folder of all of this scene's files; not created here: ``file_folder``, or where that belongs to
    another scene of the file, a folder in it with this scene's name."""
    return file_folder(scene) / _part_of(scene)


def file_folder(scene: bpy.types.Scene) -> Path:
    """The absolute folder that the first scene of the file has, for ``scene``'s settings; not created here.

    The one named in the scene's settings; else ``NAME.hashlight`` beside the .blend; else, while the file has never
    been saved, one in Blender's folder for extensions' files. That one is used after the first save, too, until it
    can be moved beside the .blend: never, if what another file had under that name is there.
    """
    if chosen := scene.hashlight.folder.strip():
        if chosen.startswith("//") and not bpy.data.filepath:
            raise ValueError(f"Folder {chosen} is relative to the .blend file, which was never saved: save it first")
        return Path(bpy.path.abspath(chosen)).absolute()
    if not bpy.data.filepath:
        return unsaved_root() / _name_unsaved()
    former = scene.hashlight.former_folder
    return Path(former) if former and Path(former).is_dir() else folder_beside_blend()


def lock_folder(scene: bpy.types.Scene) -> FolderLock:
    """Hold the session folder, which stays this scene's from now on, whatever other scenes the file gets. Raises
    FolderError."""
    lock = FolderLock(session_folder(scene))
    part = _part_of(scene)
    scene.hashlight.folder_owner, scene.hashlight.folder_part = scene.name, part
    return lock


def is_copy(scene: bpy.types.Scene) -> bool:
    """Whether ``scene`` is a copy of one with files of its own, and has none itself."""
    owner = bpy.data.scenes.get(scene.hashlight.folder_owner)
    return owner is not None and owner != scene and owner.hashlight.folder_owner == owner.name


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


def _part_of(scene: bpy.types.Scene) -> str:
    settings = scene.hashlight
    if settings.folder_owner and not is_copy(scene):
        return settings.folder_part
    others = (each for each in bpy.data.scenes if each != scene and each.hashlight.folder_owner and not is_copy(each))
    taken = {each.hashlight.folder_part for each in others}
    name = bpy.path.clean_name(scene.name)
    parts = itertools.chain(("", f"{SCENES}/{name}"), (f"{SCENES}/{name}-{number}" for number in itertools.count(2)))
    return next(part for part in parts if part not in taken)


def _name_unsaved() -> str:
    global _unsaved_name
    if not _unsaved_name:
        _unsaved_name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 1_000_000:06d}"
    return _unsaved_name
