"""Captures for tests that look at them view by view."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import bpy


def start_capture(addon: Callable[[str], ModuleType], scene: bpy.types.Scene, **options: object) -> Any:
    """A capture of ``scene`` into its own folder, which gives a view with each ``next()``."""
    folder = addon("folders").capture_folder(scene)
    return addon("capture.job").CaptureJob(scene, bpy.context.view_layer, folder, **options)
