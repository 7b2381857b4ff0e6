"""Gives Python back the right to change Blender's data, where Blender has forgotten to.

While Blender draws panels it forbids Python to write, in one flag for all threads: every call of a Python class sets
it, and puts back at its end what it found. A render's thread calls a Python class too, Cycles' included. If that call
begins while a panel is being drawn and ends later, it puts back "forbidden", and it stays so: all timers fail from then
on ("Writing to ID classes in this context is not allowed"), those of other extensions as well.

Nothing of Blender's resets the flag, but two calls of our own can, that overlap in the same way: one that begins while
writing is allowed, and ends last.
"""

from __future__ import annotations

import threading

import bpy
from bpy.props import BoolProperty

_WATCH_INTERVAL = 0.05  # seconds
_PATIENCE = 1.0  # seconds for a thread that has nothing else to do

_held = threading.local()  # .begun and .may_end: events of the call that this thread makes


class HASHLIGHT_OT_hold_write_lock(bpy.types.Operator):
    # Never run: a call of its poll is what a thread can make that touches nothing.
    bl_idname = "hashlight.hold_write_lock"
    bl_label = "Hold Write Lock"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if hasattr(_held, "begun"):
            _held.begun.set()
            _held.may_end.wait(_PATIENCE)
        return False


class _Hold:
    """A call of a Python class that lasts from ``begin`` to ``end``, whatever other calls come and go meanwhile."""

    def __init__(self) -> None:
        self._begun, self._may_end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._call, name="hashlight-write-lock", daemon=True)

    def begin(self) -> None:
        """Return when the call has begun."""
        self._thread.start()
        self._begun.wait(_PATIENCE)

    def end(self) -> None:
        """Return when the call has ended."""
        self._may_end.set()
        self._thread.join(_PATIENCE)

    def _call(self) -> None:
        _held.begun, _held.may_end = self._begun, self._may_end
        bpy.ops.hashlight.hold_write_lock.poll()


_hold: _Hold | None = None


def _begin_hold(_manager: bpy.types.WindowManager, _context: bpy.types.Context) -> None:
    """Called when the window manager's property changes: Blender allows writing in such a call, and only within it."""
    if _hold is not None:
        _hold.begin()


def is_locked() -> bool:
    """Whether Blender forbids Python to change its data just now."""
    try:
        bpy.data.scenes[0].frame_current = "never a frame"  # refused in any case: what matters is why
    except TypeError:
        return False
    except AttributeError:
        return True
    raise AssertionError("Blender takes words for numbers")


def unlock() -> bool:
    """Have Blender allow writing again if it has forgotten to; whether it is allowed now.

    For timers and the like, which Blender calls outside of drawing. Main thread only.
    """
    global _hold
    if not is_locked():
        return True
    _hold = hold = _Hold()
    try:
        manager = bpy.data.window_managers[0]
        manager.hashlight_write_lock = not manager.hashlight_write_lock
    finally:
        _hold = None
    hold.end()
    return not is_locked()


def watch_render() -> None:
    """Look after it from now on until no render is running."""
    if not bpy.app.timers.is_registered(_watch):
        bpy.app.timers.register(_watch, first_interval=_WATCH_INTERVAL)


def _watch() -> float | None:
    is_free = unlock()
    return _WATCH_INTERVAL if bpy.app.is_job_running("RENDER") or not is_free else None


CLASSES = (HASHLIGHT_OT_hold_write_lock,)


def register() -> None:
    """Offer what ``unlock`` needs."""
    bpy.types.WindowManager.hashlight_write_lock = BoolProperty(update=_begin_hold, options={"HIDDEN", "SKIP_SAVE"})


def unregister() -> None:
    """Undo ``register``."""
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)
    del bpy.types.WindowManager.hashlight_write_lock
