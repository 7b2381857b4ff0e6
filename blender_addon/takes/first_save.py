"""What was captured before a file was first saved, on its way beside the .blend.

It can't be moved while something works in it. An engine that has it open is ended as soon as it has nothing to do, and
started again where the files are then, with the same run open; when Blender quits, they are moved after the engine has
ended.
"""

from __future__ import annotations

import atexit
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from engine.link.file_lock import user_of

from .. import app_handlers, write_lock
from ..folder_lock import is_held
from ..folders import file_folder, folder_beside_blend, run_folder, unsaved_root
from ..layout import redraw_sidebars
from ..preferences import get_preferences
from ..preview import requests
from ..review import scores
from ..session import registry
from ..session.connecting import LocalEngine
from ..session.engine_session import EngineSession
from ..session.source import ensure_engine
from ..training import run, saved_state
from ..transfer import run_files
from . import changing, listing, switching

_INTERVAL = 0.5  # seconds between two looks at whether it can be moved
_REST_SECONDS = 1.0  # for which an engine must have had nothing to do before it is ended


@dataclass
class _Move:
    """From the folder ``former`` to the one ``beside`` the .blend. ``rested_since``: when the engine there was last
    seen to get nothing to do; None while it works. ``engine`` was ended for this, and had a run of ``scene`` open where
    ``had_run``. ``has_failed``: the system refused."""

    former: Path
    beside: Path
    rested_since: float | None = None
    engine: EngineSession | None = None
    scene: str = ""
    had_run: bool = False
    has_failed: bool = False


_current: _Move | None = None


def describe(scene: bpy.types.Scene) -> str:
    """Where the files of ``scene`` are kept that were made before it was first saved, and when they move, as a message;
    "" when they are where they belong."""
    move = _current
    if not bpy.data.filepath or move is None or file_folder(scene) != move.former:
        return ""
    where = f"What was captured before the first save is in {move.former}"
    if reason := _find_hindrance(move):
        return f"{where}, and stays there: {reason}"
    if move.engine is not None:
        return f"{where}. It moves beside this file now"
    return f"{where}. It moves to {move.beside.name}, beside this file, once the engine has nothing to do, or ends"


def _begin() -> None:
    """Move what was made before the first save of the file that is open, if anything was, now or later."""
    global _current
    former = _find_former() if bpy.data.filepath else None
    if former is None:
        return
    if _current is None or _current.former != former:
        _current = _Move(former, folder_beside_blend())
    _current.beside = folder_beside_blend()
    if not _watch():
        return
    if bpy.app.background:
        registry.poll_while(_watch)
    elif not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_INTERVAL, persistent=True)


def _tick() -> float | None:
    """A timer. As little changes while it waits, the sidebars aren't drawn each time as they are by the pump."""
    if not write_lock.unlock() or _watch():
        return _INTERVAL
    redraw_sidebars()
    return None


def _find_former() -> Path | None:
    """The folder that the open file's scenes had before it was first saved, if they still use it."""
    for scene in _scenes_with_former():
        former = Path(scene.hashlight.former_folder)
        if former.parent == unsaved_root():
            return former
    return None


def _scenes_with_former() -> Iterator[bpy.types.Scene]:
    return (each for each in bpy.data.scenes if each.hashlight.former_folder and not each.hashlight.folder.strip())


def _watch() -> bool:
    """Called by the pump: go on with it as far as can be. Returns whether to be called again."""
    global _current
    move = _current
    if move is None:
        return False
    if not move.former.exists():  # moved by hand
        _current = None
        _note_moved(move)
        return False
    if _find_hindrance(move):
        return False
    if move.engine is not None and move.engine.phase in ("starting", "ready"):  # the user wants it meanwhile
        move.engine = move.rested_since = None
    if move.engine is not None and not move.engine.is_gone:
        return True
    if move.engine is None and (engine := _engine_in(move.former)) is not None:
        if _has_rested(move, engine):
            _end_engine(move, engine)
        return True
    if _is_in_use(move):
        return True
    _finish(move)
    return False


def _find_hindrance(move: _Move) -> str:
    """Why nothing can be moved, whatever the engine does, as a clause with a cure; "" when it can."""
    if move.beside.exists():
        return f"{move.beside.name} was here already, of another file. Save under another name to have it beside that"
    cure = f"with Blender closed, move that folder to {move.beside}"
    if move.has_failed:
        return f"the system refuses; {cure}"
    try:
        if move.former.stat().st_dev != move.beside.parent.stat().st_dev:
            return f"this file is on another drive; {cure}"
    except OSError:
        return ""
    if get_preferences().use_running_engine and any(each.hashlight.run.step for each in _scenes_with_former()):
        return "the running engine knows its run by that folder's name"
    return ""


def _engine_in(folder: Path) -> EngineSession | None:
    """The engine that has ``folder``, or one in it, open."""
    session = registry.current()
    is_local = session is not None and isinstance(session.source, LocalEngine)
    return session if is_local and session.source.root.is_relative_to(folder) and not session.is_gone else None


def _has_rested(move: _Move, engine: EngineSession) -> bool:
    """Whether the engine has had nothing to do for a while, nor has what else would miss it."""
    is_watched = any(requests.is_pending(channel) for channel in requests.Channel)
    is_busy = not engine.is_at_rest or is_watched or _is_changing_files()
    now = time.monotonic()
    move.rested_since = None if is_busy else move.rested_since or now
    return move.rested_since is not None and now - move.rested_since >= _REST_SECONDS


def _is_changing_files() -> bool:
    return bool(switching.find_refusal()) or changing.is_changing() or run_files.is_fetching()


def _is_in_use(move: _Move) -> bool:
    """Whether this Blender, or another process, works in what is to be moved."""
    if _is_changing_files() or is_held(move.former):
        return True
    return any(user_of(run_folder(scene)) for scene in _scenes_with_former())


def _end_engine(move: _Move, engine: EngineSession) -> None:
    owners = [scene for scene in bpy.data.scenes if run.session_of(scene) is engine]
    for scene in owners:
        saved_state.remember(scene)
    scene = owners[0] if owners else bpy.context.scene
    move.engine, move.scene, move.had_run = engine, scene.name, bool(owners)
    engine.stop()


def _finish(move: _Move) -> None:
    """Nothing works there any more: move it, and have the engine back that was ended for it."""
    global _current
    try:
        move.former.rename(move.beside)
    except OSError:
        move.has_failed = True  # told by the panel as long as this file is open
    else:
        _current = None
        _note_moved(move)
    scene = bpy.data.scenes.get(move.scene)
    if move.engine is None or scene is None:
        return
    with contextlib.suppress(ValueError):  # the scene has no engine, or no views, any more: it is as after Stop
        if move.had_run:
            run.ensure_run(scene)
        else:
            ensure_engine(scene)


def _note_moved(move: _Move) -> None:
    """Have scenes and images know where their files are, if those were moved."""
    if move.former.exists() or not move.beside.is_dir():
        return
    run.note_moved(move.former, move.beside)
    scores.note_moved(move.former, move.beside)
    saved_state.redirect_images(move.former, move.beside)
    for scene in bpy.data.scenes:
        if scene.hashlight.former_folder == str(move.former):
            scene.hashlight.former_folder = ""
    listing.look_again()


def _at_exit() -> None:
    """Blender quits, and has no data any more: the .blend finds its files beside it when it is opened next."""
    move = _current
    registry.close()
    if move is not None and move.former.is_dir() and not move.beside.exists() and not is_held(move.former):
        with contextlib.suppress(OSError):
            move.former.rename(move.beside)


def _after_save(*_: object) -> None:
    _begin()


def _after_load(*_: object) -> None:
    global _current
    _current = None  # the other file's are moved when that is opened again
    _begin()


_HANDLERS = ((bpy.app.handlers.save_post, _after_save), (bpy.app.handlers.load_post, _after_load))


def register() -> None:
    """Follow saving, loading, and the end of Blender."""
    app_handlers.add(_HANDLERS)
    atexit.register(_at_exit)


def unregister() -> None:
    """Undo ``register``; what is still to be moved is when the file is opened next."""
    global _current
    _current = None
    atexit.unregister(_at_exit)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    app_handlers.remove(_HANDLERS)
