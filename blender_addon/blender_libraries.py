"""The libraries that come with Blender's own Python, where Blender is another's: a distribution may have left them out,
and Blender as a Python module (``bpy``) doesn't put them on the path."""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path
from types import ModuleType

import bpy

_lock = threading.Lock()


class LibraryMissing(ValueError):
    """This Blender lacks a library; the message says which, and what to do."""


def open_image_io() -> ModuleType:
    """OpenImageIO; from any thread. Raises LibraryMissing."""
    return _import_library("OpenImageIO", "python3-openimageio")


def _import_library(name: str, package: str) -> ModuleType:
    """``package``: what Debian calls it."""
    try:
        with _lock:
            if name not in sys.modules:
                _extend_path()
            return importlib.import_module(name)
    except ImportError as error:
        raise LibraryMissing(
            f"This Blender comes without {name} ({error}): install your distribution's package of it ({package} in "
            "Debian and Ubuntu), or use a Blender of blender.org's"
        ) from None


def _extend_path() -> None:
    """Have the packages of Blender's Python be found where another Python has loaded Blender."""
    packages = Path(bpy.utils.resource_path("LOCAL"), "python", "lib").glob("python3.*/site-packages")
    sys.path += [str(folder) for folder in packages if str(folder) not in sys.path]
