"""Waiting for the engine where no timer runs: pumping, with a line of progress, until something is so."""

from __future__ import annotations

import time
from collections.abc import Callable

import bpy

from ..preferences import get_preferences
from ..session import registry
from ..session.engine_session import EngineSession
from ..training import run, saved_state
from .console import Console

PUMP_SECONDS = 0.02


class CommandError(ValueError):
    """The command can't be carried out."""


def open_run(scene: bpy.types.Scene, purpose: str) -> EngineSession:
    """The session with the scene's run open, or on its way there; ``purpose``: what it is for, as in "to render from".

    Raises CommandError when there is no run, CaptureError, ValueError.
    """
    if not (saved_state.has_saved_run(scene) or get_preferences().use_running_engine):
        raise CommandError(f"there is no run {purpose}: train first")
    return run.ensure_run(scene)


def wait(session: EngineSession, console: Console, is_done: Callable[[], bool], describe: Callable[[], str]) -> None:
    """Pump until ``is_done()``. Raises CommandError when the engine is lost or refuses."""
    told = None
    while not is_done():
        failure = session.failure
        if failure is not None and failure is not told:
            told = failure
            words = ". ".join(part.rstrip(".") for part in (failure.message, failure.hint) if part)
            if failure.regarding not in session.views:  # one view less is no reason to stop
                raise CommandError(words)
            console.warn(words)
        registry.pump()
        console.progress(describe())
        time.sleep(PUMP_SECONDS)
    console.progress(describe(), is_last=True)
