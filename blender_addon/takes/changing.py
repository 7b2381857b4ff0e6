"""A change to the files of a take that an engine may hold open.

Such an engine is first told to rest, then to save the run and let go of it: a save that goes on while folders change
places would write half of its files into another run. The pump waits for that; then the change itself takes a moment,
in which Blender holds the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy

from engine.link.file_lock import FileLock, FileTaken, hold_folder

from .. import app_handlers
from ..folder_lock import FolderLock
from ..folders import session_folder
from ..layout import redraw_sidebars
from ..session import registry
from ..session.engine_session import EngineSession
from ..training import run
from ..transfer import run_files
from ..transfer.deliveries import is_remote
from .take_folders import Take, TakeError, folder_of

_PATIENCE = 60.0  # seconds for the engine to save, and for the run to be fetched from one elsewhere


@dataclass
class _Change:
    """``work`` is called when the run is at rest, and returns a message of what became of it; ``then`` follows.
    ``engine``: the one that holds the run open; it is given until ``deadline`` to save that. ``is_fetched``: whether
    the run was asked for, where the engine is elsewhere. ``is_closing``: whether the engine was told to close it."""

    take: Take
    folder: Path
    work: Callable[[], str]
    then: Callable[[], None]
    lock: FolderLock
    is_whole: bool
    engine: EngineSession | None = None
    deadline: float = 0.0
    is_fetched: bool = False
    is_closing: bool = False

    def hold_run(self) -> FileLock:
        """Keep others out of the run. Raises TakeError when one is in it."""
        try:
            lock = hold_folder((self.folder / "run").resolve(), "Blender")
        except FileTaken as error:
            words = f"its run is in use by {error.owner}: wait until that has ended"
            raise TakeError(f"{self.take.name} stays as it is, for {words}") from None
        except OSError as error:
            raise TakeError(f"{self.folder}: can't be written ({error.strerror or error})") from None
        if self.is_whole:
            lock.release()  # on Windows no folder can be moved in which a file is held
        return lock


_current: _Change | None = None
_words = ""  # what became of the last one
_failure = ""  # why all stayed as it was


def is_changing() -> bool:
    """Whether one waits for its engine."""
    return _current is not None


def describe() -> str:
    """How the one in progress stands, or what became of the last, as a message; "" when there was none."""
    return f"Saving the run of {_current.take.name} first" if _current is not None else _failure or _words


def forget() -> None:
    """What became of the last one is old news."""
    global _words, _failure
    _words = _failure = ""


def begin(
    scene: bpy.types.Scene, take: Take, work: Callable[[], str], then: Callable[[], None], is_whole: bool = False
) -> None:
    """Have ``work`` change files of ``take`` once no engine will write its run any more, which by then is not open;
    ``then`` follows. ``is_whole``: the folder of the take itself is moved. Pumping sees it through; without a window it
    is waited for.

    Raises TakeError, FolderError and, where there is nothing to wait for, what ``work`` and ``then`` raise.
    """
    global _current
    if is_changing():
        raise TakeError("Another take is being changed")
    if run_files.is_fetching():
        raise TakeError("A run is being fetched from the engine: wait for its end")
    session = session_folder(scene)
    forget()
    change = _Change(take, folder_of(session, take.key), work, then, FolderLock(session), is_whole)
    engine = registry.current()
    if engine is not None and run.open_capture() == change.folder / "capture":
        engine.pause()
        change.engine, change.deadline = engine, time.monotonic() + _PATIENCE
    if change.engine is None:
        _finish(change)
        return
    _current = change
    registry.poll_while(_watch)
    if bpy.app.background:
        while is_changing():
            registry.pump()
            time.sleep(0.01)
        if _failure:
            raise TakeError(_failure)


def _is_settled(engine: EngineSession) -> bool:
    """Whether the engine is gone, or has opened the run that is wanted of it."""
    if engine.phase in ("stopping", "stopped", "lost"):
        return engine.is_gone
    return engine.run is not None or not engine.wants_run


def _watch() -> bool:
    """Called by the pump. Returns whether to be called again."""
    change = _current
    if change is None or change.engine is None:
        return False
    engine = change.engine
    if time.monotonic() > change.deadline:
        why = engine.failure.message if engine.failure is not None else "save a snapshot first"
        _fail(f"{change.take.name} stays as it is, for the engine has not saved its run: {why}")
        return False
    if not engine.has_closed_run:
        change.is_closing &= engine.phase == "ready"  # else the message may be lost with the connection
        if not _is_settled(engine) or run_files.is_fetching():
            return True
        if engine.phase == "ready":
            _end_run(change, engine)
            return True
    try:
        _finish(change)
    except (ValueError, RuntimeError) as error:
        _fail(str(error).removeprefix("Error: ").strip())
    return False


def _end_run(change: _Change, engine: EngineSession) -> None:
    """Have the engine let go of the run; one elsewhere gives it first."""
    if is_remote(engine) and engine.run is not None and not change.is_fetched:
        change.is_fetched = True
        run_files.save_snapshot(engine, change.folder / "run")
    elif not change.is_closing:
        change.is_closing = True
        engine.close_run()


def _finish(change: _Change) -> None:
    global _current, _words
    _current = None
    try:
        held = change.hold_run()
        try:
            run.leave(change.folder / "capture")
            _words = change.work()
        finally:
            held.release()
    finally:
        change.lock.release()
    change.then()


def _fail(words: str) -> None:
    global _current, _failure
    change, _current = _current, None
    _failure = words
    if change is not None:
        change.lock.release()
    if not bpy.app.background:
        redraw_sidebars()


def _before_load(*_: object) -> None:
    _fail("")
    forget()


_HANDLERS = ((bpy.app.handlers.load_pre, _before_load),)


def register() -> None:
    """Give up what is in progress when another file is loaded."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
    _before_load()
