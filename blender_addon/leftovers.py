"""What processes that were killed left half-written where a file's captures, runs and frames are: when the file is
opened again, it goes."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable
from pathlib import Path

import bpy

from engine.link.part_files import remove_leftovers

from . import app_handlers
from .background import Task
from .bake.jobs import chosen_folder
from .folders import session_folder

CLASSES = ()

_sweep: Task[None] | None = None  # the last one


def _after_load(*_: object) -> None:
    global _sweep
    ours, theirs = set(), set()  # all that is in the latter may be as much as a home folder
    for scene in bpy.data.scenes:
        with contextlib.suppress(ValueError):
            ours.add(session_folder(scene))
        with contextlib.suppress(ValueError):
            folder = chosen_folder(scene.hashlight.bake)
            theirs |= {folder} - {None}
    _sweep = Task(functools.partial(_remove, ours, theirs), "hashlight-sweep")


def _remove(ours: Iterable[Path], theirs: Iterable[Path]) -> None:
    for folder in ours:
        remove_leftovers(folder, below=True)
    for folder in theirs:
        remove_leftovers(folder)


_HANDLERS = ((bpy.app.handlers.load_post, _after_load),)


def register() -> None:
    """Follow which file is open."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
