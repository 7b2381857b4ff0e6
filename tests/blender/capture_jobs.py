"""Captures for tests, whole or view by view, and what is left of them on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy


def start_capture(addon: Callable[[str], ModuleType], scene: bpy.types.Scene, **options: object) -> Any:
    """A capture of ``scene`` into its own folder, which gives a view with each ``next()``."""
    folder = addon("folders").capture_folder(scene)
    return addon("capture.job").CaptureJob(scene, bpy.context.view_layer, folder, **options)


def capture() -> None:
    """Capture what is planned, all of it."""
    assert bpy.ops.hashlight.capture() == {"FINISHED"}


def widen_bounds(scene: bpy.types.Scene) -> None:
    """Have the bounds be others than those of the last capture."""
    next(obj for obj in scene.objects if obj.get("hashlight_role") == "bounds").scale *= 1.25
    bpy.context.view_layer.update()


def count_pictures(folder: Path) -> int:
    """How many views a take's folder holds."""
    return len(list((folder / "capture" / "images").glob("*.exr")))
