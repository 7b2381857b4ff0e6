"""The one session of this Blender, and the one pump that keeps it going.

In the window a timer pumps; headless code and tests call ``pump`` themselves. Nothing here refers to Blender data: the
session outlives undo and the loading of other files.
"""

from __future__ import annotations

import atexit
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import bpy

from engine.link.messages import Message

from .. import write_lock
from ..layout import redraw_sidebars
from .connecting import EngineSource
from .engine_session import EngineSession
from .failure import Failure

PUMP_INTERVAL = 0.05  # seconds between two pumps while an engine is there
# Seconds of work after which a pump leaves the rest to the next one: Blender's window waits meanwhile.
PUMP_BUDGET = 0.003

Listener = Callable[[EngineSession, Any], None]
Poller = Callable[[], bool]

leaving_listeners: list[Callable[[], None]] = []  # called before the session gives way to that of other files

_session: EngineSession | None = None
_listeners: dict[type[Message], list[Listener]] = {}
_pollers: deque[Poller] = deque()
_session_waits = False  # the last pump had no time for the engine


def current() -> EngineSession | None:
    """The session, or None before the first engine was started."""
    return _session


def obtain(source: EngineSource) -> EngineSession:
    """The session for ``source``: the present one if it is for the same engine, else a new one in its place."""
    global _session
    if _session is None or _session.source != source:
        former = _session
        if former is not None:
            for listener in leaving_listeners:
                listener()
            former.stop()
        _session = EngineSession(source, former)
    _keep_ticking()
    return _session


def close() -> None:
    """End the session and its engine, waiting a few seconds at most."""
    global _session
    session, _session = _session, None
    if session is not None:
        session.close()


def listen(listeners: Iterable[tuple[type[Message], Listener]]) -> None:
    """Have each ``listener(session, message)`` called by the pump for every message of its type."""
    for message_type, listener in listeners:
        _listeners.setdefault(message_type, []).append(listener)


def stop_listening(listeners: Iterable[tuple[type[Message], Listener]]) -> None:
    """Undo ``listen``."""
    for message_type, listener in listeners:
        _listeners[message_type].remove(listener)


def poll_while(poller: Poller) -> None:
    """Have the pump call ``poller()``, which must not wait, until it returns False."""
    _pollers.append(poller)
    _keep_ticking()


def pump() -> bool:
    """Exchange messages with the engine and hand what came to the listeners. Cheap, never waits; main thread only.

    What takes long is left to the next pump. Returns whether anything changed."""
    global _session_waits
    if not write_lock.unlock():
        return False
    had_pollers = bool(_pollers)
    _session_waits = not _poll() and not _session_waits
    return (not _session_waits and _pump_session()) or had_pollers


def _poll() -> bool:
    """Call the pollers, the one that has waited longest first; returns whether there was time for all of them."""
    until = time.perf_counter() + PUMP_BUDGET
    for _ in range(len(_pollers)):
        poller = _pollers.popleft()
        if poller():  # it may have had another follow
            _pollers.append(poller)
        if time.perf_counter() > until:
            return False
    return True


def _pump_session() -> bool:
    if _session is None:
        return False
    before = _session.phase, int(_session.silent_seconds)
    received = _session.pump()
    for message in received:
        for listener in _listeners.get(type(message), ()):
            try:
                listener(_session, message)
            except Exception as error:  # one bad picture must not stop the pump
                traceback.print_exc()
                _session.failure = Failure(f"{type(message).__name__} could not be used: {error}")
    return bool(received) or (_session.phase, int(_session.silent_seconds)) != before


def pump_until(done: Callable[[], bool], timeout: float) -> bool:
    """Pump until ``done()`` holds; False when ``timeout`` seconds passed first. For headless code: it blocks."""
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            return False
        pump()
        time.sleep(0.01)
    return True


def _tick() -> float | None:
    if pump():
        redraw_sidebars()
    return PUMP_INTERVAL if _session is not None or _pollers else None


def _keep_ticking() -> None:
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=PUMP_INTERVAL, persistent=True)


def register() -> None:
    """Make sure that no engine outlives Blender."""
    atexit.register(close)


def unregister() -> None:
    """End the engine and the timer."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    atexit.unregister(close)
    _pollers.clear()
    close()
