"""A run that another process works in, ``hashlight train`` say: our engine could not open it."""

from __future__ import annotations

import bpy

from engine.link.file_lock import user_of

from ..folders import run_folder
from ..preferences import get_preferences
from ..session import registry


def find_user(scene: bpy.types.Scene) -> str:
    """Which other process works in the run of ``scene``, a phrase for the user; "" when none does, or when the engine
    that is there will tell. One that was lost may not have ended yet, and still have it."""
    session = registry.current()
    if get_preferences().use_running_engine or (session is not None and session.phase != "stopped"):
        return ""
    try:
        user = user_of(run_folder(scene))
    except ValueError:
        return ""
    return f"The run is in use by {user}: wait until that has ended" if user else ""
