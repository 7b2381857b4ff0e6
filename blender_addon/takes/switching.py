"""Which take of a scene is open, and what that means for the run and what shows it."""

from __future__ import annotations

import contextlib
from typing import Any

import bpy

from .. import app_handlers
from ..bake import jobs as bakes
from ..capture.captured_views import has_views
from ..capture.current_capture import is_capturing
from ..exporting import exports
from ..folders import is_copy, session_folder
from ..importing import imports
from ..preview import live, neural_view
from ..session.engine_session import EngineSession
from ..training import run, saved_state
from ..transfer import run_files
from .take_folders import Take, find_take, read_takes

_WHERE = ("folder_owner", "folder_part", "take")  # which files are the scene's
_AS_ON_DISK = (*_WHERE, "former_folder", "last_folder")  # what no undo changes
_before_undo: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}  # by scene: these, and how its run stood


def find_refusal() -> str:
    """Why takes must stay as they are just now, as a message; "" when nothing is in progress that uses one."""
    if is_capturing():
        return "A capture is in progress: stop it first, or wait for its end"
    if imports.is_importing():
        return "A dataset is being imported: cancel that first, or wait for its end"
    if exports.is_exporting():
        return "A dataset is being exported: cancel that first, or wait for its end"
    if bakes.is_busy():
        return "Frames are rendered from the field: cancel that first, or wait for its end"
    return ""


def takes_of(scene: bpy.types.Scene) -> list[Take]:
    """The takes of ``scene``, in the order they were made. Raises ValueError when there is no folder."""
    return read_takes(session_folder(scene), scene.hashlight.take)


def take_called(scene: bpy.types.Scene, name: str) -> Take:
    """The take of ``scene`` that bears this name; the open one for "". Raises TakeError."""
    takes = takes_of(scene)
    if not name:
        return next(take for take in takes if take.key == scene.hashlight.take)
    return find_take(takes, name)


def open_take(scene: bpy.types.Scene, key: str) -> None:
    """From now on capture, train and bake in another take of ``scene``, with its views, run and bakes.

    Training of the take that was open is paused, and saved. What shows its field shows that of the other from now on,
    or nothing when that has no run yet.
    """
    settings = scene.hashlight
    if key == settings.take:
        return
    session = run.session_of(scene)
    change_take(scene, key)
    settings.capture.capture_findings.clear()
    settings.capture.show_settings = not has_views(scene)
    show_run(scene, session)


def change_take(scene: bpy.types.Scene, key: str) -> None:
    """Have the take of ``key`` open instead of another, of which training is paused, and saved. Its own run is not
    opened yet."""
    settings = scene.hashlight
    session = run.session_of(scene)
    if session is not None:
        session.pause()
        saved_state.remember(scene)
    bakes.forget_last()
    _stash_run(scene)
    settings.take = key
    _recall_run(scene)


def show_run(scene: bpy.types.Scene, session: EngineSession | None) -> None:
    """Another run is that of ``scene``: have the engine of ``session``, which had the former one open, open it. What
    shows the field shows that of this run from now on, or nothing when there is none."""
    is_engine_there = session is not None and session.phase in ("starting", "ready")
    if is_engine_there and saved_state.has_saved_run(scene) and not run_files.is_fetching():
        with contextlib.suppress(ValueError):  # a run whose views are gone
            run.ensure_run(scene)
            return
    if run.session_of(scene) is None:
        live.end()
        neural_view.end()


def forget_run(scene: bpy.types.Scene) -> None:
    """The open take of ``scene`` has no run any more."""
    for name in _figures(scene):
        scene.hashlight.run.property_unset(name)
    scene.hashlight.capture.show_settings = True  # nothing is captured: what is to be pressed next stays in its place
    bakes.forget_last()
    live.end()
    neural_view.end()


def drop_take(scene: bpy.types.Scene, key: str) -> None:
    """The take is gone: open the one before it where it was open, and forget how its run stood."""
    settings = scene.hashlight
    if settings.take == key:
        keys = [take.key for take in takes_of(scene)]
        others = [other for other in keys if other != key]
        open_take(scene, others[max(keys.index(key) - 1, 0)] if others else "")
    if (index := settings.other_runs.find(key)) >= 0:
        settings.other_runs.remove(index)


def _figures(scene: bpy.types.Scene) -> dict[str, Any]:
    """How the run of the open take stood, as the .blend remembers it."""
    saved = scene.hashlight.run
    names = [item.identifier for item in saved.bl_rna.properties if not item.is_readonly and item.identifier != "name"]
    return {name: getattr(saved, name) for name in names}


def _stash_run(scene: bpy.types.Scene) -> None:
    settings = scene.hashlight
    index = settings.other_runs.find(settings.take)
    stash = settings.other_runs[index] if index >= 0 else settings.other_runs.add()
    stash.name = settings.take
    for name, value in _figures(scene).items():
        setattr(stash, name, value)


def _recall_run(scene: bpy.types.Scene) -> None:
    settings = scene.hashlight
    index = settings.other_runs.find(settings.take)
    for name in _figures(scene):
        if index >= 0:
            setattr(settings.run, name, getattr(settings.other_runs[index], name))
        else:
            settings.run.property_unset(name)


def _before(*_: object) -> None:
    _before_undo.clear()
    for scene in bpy.data.scenes:
        where = {name: getattr(scene.hashlight, name) for name in _AS_ON_DISK}
        _before_undo[scene.name] = (where, _figures(scene))


def _after(*_: object) -> None:
    """Files on disk are as they were, so the open take is, too: an undo of something else must not change it."""
    for scene in bpy.data.scenes:
        if scene.name in _before_undo:
            where, figures = _before_undo[scene.name]
            for settings, values in ((scene.hashlight, where), (scene.hashlight.run, figures)):
                for name, value in values.items():
                    setattr(settings, name, value)


def _after_update(*_: object) -> None:
    """What was captured and learnt in a scene isn't that of its copies."""
    if is_capturing():  # on a copy that is thrown away
        return
    for scene in bpy.data.scenes:
        if is_copy(scene):
            settings = scene.hashlight
            for name in (*_WHERE, "other_runs", "run"):
                settings.property_unset(name)
            settings.capture.capture_findings.clear()
            settings.capture.show_settings = True
            settings.review.property_unset("view")


_HANDLERS = (
    (bpy.app.handlers.undo_pre, _before),
    (bpy.app.handlers.undo_post, _after),
    (bpy.app.handlers.redo_pre, _before),
    (bpy.app.handlers.redo_post, _after),
    (bpy.app.handlers.depsgraph_update_post, _after_update),
)


def register() -> None:
    """Follow undo, and the copying of scenes."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
