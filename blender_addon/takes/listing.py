"""The takes as Blender's list shows them: counted in a thread while the panel is drawn."""

from __future__ import annotations

import contextlib
import functools
import time
from pathlib import Path

import bpy

from .. import app_handlers
from ..background import Task
from ..folders import session_folder
from ..layout import redraw_sidebars
from . import switching
from .take_folders import Take, TakeError, name_take
from .usage import SessionUsage, describe_bytes, measure

_MAX_AGE = 2.0  # seconds after which a panel that is drawn has everything counted again
_WAIT = 0.05  # seconds between two looks at whether that is done

_usage: SessionUsage | None = None
_measuring: Task[SessionUsage] | None = None
_is_filling = False  # the list is written by us, not by a user
_looked: tuple[Path, str, float] | None = None  # at which folder, with which take open, and when


def known_usage(scene: bpy.types.Scene) -> SessionUsage | None:
    """What the takes of ``scene`` hold, as was counted a moment ago; None while that is not known. For panels."""
    global _measuring, _looked
    try:
        session = session_folder(scene)
    except ValueError:
        return None
    take, now = scene.hashlight.take, time.monotonic()
    is_due = _looked is None or _looked[:2] != (session, take) or now - _looked[2] > _MAX_AGE
    if is_due and _measuring is None:
        _looked = session, take, now
        work = functools.partial(measure, session, take)
        if bpy.app.background:
            _show(work())
        else:
            _measuring = Task(work, "hashlight-takes")
            bpy.app.timers.register(_fetch, first_interval=_WAIT)
    return _usage if _usage is not None and _usage.session == session else None


def look_again() -> None:
    """The takes have changed: have them counted when the panel is drawn next, which is soon."""
    global _looked
    _looked = None
    if not bpy.app.background:
        redraw_sidebars()


def is_filling() -> bool:
    """Whether the list is being written, so that what changes in it is no user's doing."""
    return _is_filling


def rename(scene: bpy.types.Scene, take: Take, name: str) -> None:
    """Call a take of ``scene`` by another name. Raises TakeError."""
    try:
        name_take(session_folder(scene), take, name, switching.takes_of(scene))
    except OSError as error:
        raise TakeError(f"{error.filename}: can't be written ({error.strerror or error})") from None
    look_again()


def _fetch() -> float | None:
    """A timer: put what was counted into the list."""
    global _measuring
    if _measuring is None or _measuring.is_running:
        return None if _measuring is None else _WAIT
    task, _measuring = _measuring, None
    with contextlib.suppress(OSError):
        _show(task.result())
    return None


def _show(usage: SessionUsage) -> None:
    global _usage, _is_filling
    if usage == _usage:
        return
    _usage, _is_filling = usage, True
    items = bpy.context.window_manager.hashlight_takes
    items.clear()
    for entry in usage.takes:
        item = items.add()
        item.name, item.key, item.views = entry.take.name, entry.take.key, entry.views
        item.score = "" if entry.score is None else entry.score.metric.write(entry.score.value)
        item.size = describe_bytes(entry.bytes)
    _is_filling = False
    if not bpy.app.background:
        redraw_sidebars()


def forget(*_: object) -> None:
    """What was counted, or what the list shows, is no longer true."""
    global _usage, _looked, _measuring
    _usage = _looked = _measuring = None  # the timer that would take the measure in is gone with the other file


_HANDLERS = ((bpy.app.handlers.load_post, forget),)


def register() -> None:
    """Follow the loading of files."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
    forget()
