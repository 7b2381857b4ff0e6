"""Importing a dataset without a window."""

from __future__ import annotations

import argparse
import time

import bpy

from ..folders import capture_folder
from ..importing import imports
from ..session import registry
from .console import Console
from .engine_options import chosen_engine_python
from .waiting import PUMP_SECONDS, CommandError


def import_dataset(options: argparse.Namespace, console: Console) -> None:
    """Import a dataset and create its cameras in the scene. Raises CommandError, ValueError."""
    scene = bpy.context.scene
    with chosen_engine_python(options):
        import_into(scene, options, console)
    console.result(str(capture_folder(scene)))


def import_into(scene: bpy.types.Scene, options: argparse.Namespace, console: Console) -> None:
    """Import the dataset that ``options`` name, and wait for it. Raises CommandError, ValueError."""
    imports.start(scene, options.dataset, options.holdout, sets_render_settings=True)
    try:
        while imports.is_importing():
            registry.pump()
            if imports.is_importing():
                console.progress(imports.describe()[1])
            time.sleep(PUMP_SECONDS)
    except KeyboardInterrupt:
        imports.cancel()
        raise
    state, words, warnings = imports.outcome(scene)
    if state != "done":
        raise CommandError(words)
    console.progress(words, is_last=True)
    for warning in warnings:
        console.warn(warning)
