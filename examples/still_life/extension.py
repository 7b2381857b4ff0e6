"""Getting the built extension into this Blender."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from types import ModuleType

import bpy

PACKAGE = "bl_ext.user_default.hashlight"


def install_extension(zip_path: Path) -> bool:
    """Install and enable the extension; a zip that is installed already is only enabled.

    Returns whether it had to be installed. The user resources say where to: see BLENDER_USER_RESOURCES.
    """
    user_folder = Path(bpy.utils.user_resource("EXTENSIONS", path="user_default", create=True))
    stamp = user_folder.parent / "hashlight-demo.sha256"
    digest = hashlib.sha256(zip_path.read_bytes()).hexdigest()
    is_installed = (user_folder / "hashlight").is_dir() and stamp.is_file() and stamp.read_text("utf-8") == digest
    if not is_installed:
        bpy.ops.extensions.package_install_files(
            filepath=str(zip_path), repo="user_default", enable_on_install=True, overwrite=True
        )
        stamp.write_text(digest, "utf-8")
    if PACKAGE not in bpy.context.preferences.addons:
        bpy.ops.preferences.addon_enable(module=PACKAGE)
    if not hasattr(bpy.types.Scene, "hashlight"):
        raise RuntimeError(f"{zip_path.name} is installed, but Blender could not enable it")
    return not is_installed


def addon_module(name: str) -> ModuleType:
    """One of the enabled add-on's modules, ``session.registry`` for one."""
    return importlib.import_module(f"{PACKAGE}.{name}")
