"""Which engine the user's preferences name."""

from __future__ import annotations

import os
import shutil

import bpy

from ..folders import session_folder
from ..preferences import get_preferences
from .connecting import EngineSource, LocalEngine, RunningEngine

PYTHON_VARIABLE = "HASHLIGHT_ENGINE_PYTHON"


def engine_source(scene: bpy.types.Scene) -> EngineSource:
    """The engine to use for ``scene``: its own files, the user's machine. Raises ValueError in words."""
    preferences = get_preferences()
    if preferences.use_running_engine:
        if not preferences.token.strip():
            raise ValueError("The running engine's token is missing: copy it from where the engine was started")
        host = preferences.host.strip()
        if host not in ("127.0.0.1", "localhost", "::1") and not bpy.app.online_access:
            raise ValueError(
                f"The engine at {host} needs online access: allow it in Blender's preferences, under System"
            )
        name = bpy.path.clean_name(session_folder(scene).stem)
        return RunningEngine(host, preferences.port, preferences.token.strip(), f"{name}/")
    named = preferences.engine_python.strip() or os.environ.get(PYTHON_VARIABLE, "")
    if not named:
        raise ValueError("No engine yet: name the Python that it is installed in, in Hashlight's preferences")
    python = shutil.which(bpy.path.abspath(named))
    if python is None:
        raise ValueError(f"The engine's Python {named} doesn't exist or can't be run: correct it in the preferences")
    return LocalEngine(python, session_folder(scene), preferences.device)
