"""The set-up and the check that are running, or were last. The one pump watches them."""

from __future__ import annotations

import atexit
from pathlib import Path

import bpy

from ..session import registry
from .bundle import engine_home, make_recipe
from .check import EngineCheck
from .installation import Installation

_END_PATIENCE = 5.0  # seconds for a cancelled set-up to clear away what it made

_installation: Installation | None = None
_check: EngineCheck | None = None


class SetUpError(ValueError):
    """The engine can't be set up now; the message says what to do."""


def installation() -> Installation | None:
    """The running set-up, or the last one of this session."""
    return _installation


def check() -> EngineCheck | None:
    """The running check, or the last one of this session."""
    return _check


def is_busy() -> bool:
    """Whether a set-up or a check is running."""
    return any(job is not None and job.is_running for job in (_installation, _check))


def set_up(python: str = "", torch_index: str = "") -> Installation:
    """Begin to set up the engine; pumping sees it through, and a check follows. Raises SetUpError."""
    global _installation, _check
    if is_busy():
        raise SetUpError("A set-up or a check is running already")
    if not bpy.app.online_access:
        raise SetUpError(
            "Setting up the engine downloads its packages, and online access is off: allow it in Blender's "
            "preferences under System, or name an engine that is installed already in Hashlight's preferences"
        )
    _check = None
    _installation = Installation(engine_home(), make_recipe(python, torch_index))
    registry.poll_while(_watch_installation)
    return _installation


def start_check(python: str | Path) -> EngineCheck:
    """Begin to check the engine that ``python`` runs. Raises SetUpError."""
    global _check
    if is_busy():
        raise SetUpError("A set-up or a check is running already")
    _check = EngineCheck(python, engine_home().folder)
    registry.poll_while(lambda: _check is not None and _check.is_running)
    return _check


def cancel() -> None:
    """Give up what is running."""
    for job in (_installation, _check):
        if job is not None:
            job.cancel()


def put_away() -> None:
    """Let go of what the last set-up and check found, for panels to show it no longer. Nothing may be running."""
    global _installation, _check
    _installation = _check = None


def _watch_installation() -> bool:
    if _installation is None or _installation.is_running:
        return _installation is not None
    if _installation.environment is not None:
        start_check(_installation.environment.python)
    return False


def _end() -> None:
    """Leave nothing running when Blender ends or the extension goes."""
    global _installation, _check
    cancel()
    for job in (_installation, _check):
        if job is not None:
            job.join(_END_PATIENCE)
    _installation = _check = None


def register() -> None:
    """Make sure that no set-up outlives Blender."""
    atexit.register(_end)


def unregister() -> None:
    """Cancel what is running."""
    atexit.unregister(_end)
    _end()
