"""Which engine the user's preferences name, and having it started."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import bpy

from engine.link.addresses import LOOPBACK

from ..engine_setup.bundle import own_environment
from ..folders import file_folder, session_folder
from ..preferences import HASHLIGHT_preferences, get_preferences
from . import registry
from .connecting import EngineSource, LocalEngine, RunningEngine
from .engine_session import EngineSession

PYTHON_VARIABLE = "HASHLIGHT_ENGINE_PYTHON"


def ensure_engine(scene: bpy.types.Scene, *, take_over: bool = False) -> EngineSession:
    """The session of the engine that ``scene`` uses, started if need be. ``take_over``: one that is busy with another
    client hangs up on that one. Raises ValueError."""
    session = registry.obtain(engine_source(scene))
    session.start(take_over)
    return session


def engine_source(scene: bpy.types.Scene) -> EngineSource:
    """The engine to use for ``scene``: its own files, the user's machine. Raises ValueError."""
    preferences = get_preferences()
    if preferences.use_running_engine:
        return _running_engine(scene, preferences)
    return LocalEngine(engine_python(), session_folder(scene), preferences.device)


def engine_python() -> str:
    """The Python that engines on this machine are started with. Raises NoEngineError, or ValueError when the one that
    the preferences name can't be run."""
    named = get_preferences().engine_python.strip() or os.environ.get(PYTHON_VARIABLE, "")
    if not named:
        return str(own_environment().python)
    python = shutil.which(bpy.path.abspath(named))
    if python is None:
        raise ValueError(f"The engine's Python {named} doesn't exist or can't be run: correct it in the preferences")
    return python


def find_missing_engine() -> str:
    """Why no engine can be used; "" when one can."""
    if get_preferences().use_running_engine:
        return ""
    try:
        engine_python()
    except ValueError as error:
        return str(error)
    return ""


def _running_engine(scene: bpy.types.Scene, preferences: HASHLIGHT_preferences) -> RunningEngine:
    token = preferences.token.strip() or _read_token(preferences.token_file.strip())
    host = preferences.host.strip()
    if host not in LOOPBACK and not bpy.app.online_access:
        raise ValueError(f"The engine at {host} needs online access: allow it in Blender's preferences, under System")
    session, file = session_folder(scene), file_folder(scene)
    name = "/".join((bpy.path.clean_name(file.stem), *session.relative_to(file).parts))
    ca_file = bpy.path.abspath(preferences.ca_file.strip())
    return RunningEngine(host, preferences.port, token, f"{name}/", preferences.use_tls, ca_file)


def _read_token(name: str) -> str:
    if not name:
        raise ValueError("The running engine's token is missing: copy it from where the engine was started")
    try:
        token = Path(bpy.path.abspath(name)).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ValueError(f"The token file {name} can't be read: {getattr(error, 'strerror', None) or error}") from None
    if not token:
        raise ValueError(f"The token file {name} is empty")
    return token
