"""takes: the list of them, renaming, deleting; and opening the take that any command names."""

from __future__ import annotations

import argparse

import bpy

from ..folders import session_folder
from ..takes import changing, moving, switching
from ..takes.usage import describe_bytes, measure
from .console import Console
from .waiting import CommandError


def choose_take(options: argparse.Namespace) -> None:
    """Open the take that the options name, or a new one. Raises CommandError, TakeError."""
    name = getattr(options, "take", None)
    if name is not None:
        if not name.strip():
            raise CommandError("--take: a name is missing")
        switching.open_take(bpy.context.scene, switching.take_called(bpy.context.scene, name).key)
    if (new := getattr(options, "new_take", None)) is not None:
        bpy.ops.hashlight.new_take(name=new)


def manage(options: argparse.Namespace, console: Console) -> None:
    """List the takes, or rename or delete the open one. Raises TakeError."""
    scene = bpy.context.scene
    if options.rename is not None:
        bpy.ops.hashlight.rename_take(name=options.rename)
    elif options.delete:
        moving.begin(scene, switching.take_called(scene, ""), True, lambda: None)
        console.result(changing.describe())
    usage = measure(session_folder(scene), scene.hashlight.take)
    for entry in usage.takes:
        mark = "*" if entry.take.key == scene.hashlight.take else " "
        score = "" if entry.score is None else f", {entry.score.metric.describe(entry.score.value)}"
        console.result(f"{mark} {entry.take.name}: {entry.views} views{score}, {describe_bytes(entry.bytes)}")
