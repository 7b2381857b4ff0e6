"""Why a button that needs an engine, a run, or views, is grey: messages."""

from __future__ import annotations

import bpy

from ..capture.captured_views import has_views
from ..session import source
from . import run, saved_state
from .in_use import find_user


def find_missing_engine() -> str:
    """What is to be done before an engine can be used; "" when one can."""
    missing = source.find_missing_engine()
    return f"{missing}. Use the Set Up panel" if missing else ""


def find_missing_run(scene: bpy.types.Scene) -> str:
    """What is to be done before ``scene`` has a run to use; "" when there is one."""
    if in_use := find_user(scene):
        return in_use
    if run.session_of(scene) is not None:
        return ""
    if missing := find_missing_engine():
        return missing
    if saved_state.has_saved_run(scene):
        return ""
    return find_missing_views(scene) or "Nothing is trained yet: press Train"


def find_missing_views(scene: bpy.types.Scene) -> str:
    """What is to be done before ``scene`` has views to train on; "" when there are some."""
    return "" if has_views(scene) else "Nothing is captured yet: Capture and Train"
