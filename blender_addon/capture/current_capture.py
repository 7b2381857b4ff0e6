"""The current capture: whether there is one, how it stands, and who is handed its views."""

from __future__ import annotations

import functools
from collections.abc import Callable

import bpy
import numpy as np

from engine.link.geometry import Camera
from engine.link.messages import Split

from .. import app_handlers
from ..durations import describe_rest
from ..layout import redraw_sidebars
from . import escape_watch, temporary_scene
from .job import CaptureJob, ViewListener

# Called with every view that the Capture operator captures: (name, split, camera, color, depth, seconds).
view_listeners: list[ViewListener] = []
# Called with each capture that begins, before its first view, and with None when it has ended.
capture_listeners: list[Callable[[CaptureJob | None], None]] = []

_job: CaptureJob | None = None
_timer: bpy.types.Timer | None = None  # what drives it in a window
_is_stop_wanted = False


def current() -> CaptureJob | None:
    """The current capture."""
    return _job


def is_capturing() -> bool:
    """Whether there is one."""
    return _job is not None


def is_cpu_needed() -> bool:
    """Whether views may be rendered on the processor just now."""
    return _job is not None and _job.needs_cpu


def describe_capture() -> tuple[float, str]:
    """The share (0..1) of the current capture that is done, and how it stands, as text."""
    assert _job is not None
    rest = ", read from disk" if _job.is_reading else describe_rest(_job.eta_seconds)
    return _job.done / _job.total, f"{_job.done} of {_job.total} views{rest}"


def begin(job: CaptureJob, window: bpy.types.Window | None) -> None:
    """``job`` is the current capture from now on. In a ``window`` a timer gives its operator events, and the
    cursor counts."""
    global _job, _timer, _is_stop_wanted
    _job, _is_stop_wanted = job, False
    escape_watch.forget()
    if window is not None:
        manager = bpy.context.window_manager
        manager.progress_begin(0, job.total)
        _timer = manager.event_timer_add(0.01, window=window)
    for listener in tuple(capture_listeners):
        listener(job)


def end() -> CaptureJob | None:
    """There is no current capture any more; returns the one that was. Nothing tells of its progress now."""
    global _job, _timer
    job, _job = _job, None
    if _timer is not None:
        manager = bpy.context.window_manager
        manager.event_timer_remove(_timer)
        manager.progress_end()
        _timer = None
        for workspace in bpy.data.workspaces:
            workspace.status_text_set(None)
        redraw_sidebars()
    if job is not None:
        for listener in tuple(capture_listeners):
            listener(None)
    return job


def ask_to_stop() -> None:
    """Have the capture in the window stop when the view at hand is done."""
    global _is_stop_wanted
    _is_stop_wanted = True


def is_stop_wanted() -> bool:
    """Whether it was asked to stop."""
    return _is_stop_wanted


def tell_listeners(
    name: str, split: Split, camera: Camera, color: np.ndarray, depth: np.ndarray | None, seconds: float
) -> None:
    """Hand a captured view to all ``view_listeners``."""
    for listener in tuple(view_listeners):
        listener(name, split, camera, color, depth, seconds)


def _before_load(*_: object) -> None:
    if (job := end()) is not None:
        job.abandon()


def _after_load(*_: object) -> None:
    temporary_scene.remove_leftovers()


def _close_when_idle(job: CaptureJob) -> float | None:
    """A timer: Blender crashes when a scene is taken from under its render."""
    if job.is_busy:
        return 0.1
    job.close()
    return None


_HANDLERS = ((bpy.app.handlers.load_pre, _before_load), (bpy.app.handlers.load_post, _after_load))


def register() -> None:
    """Follow the loading of files."""
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``, and end the current capture."""
    job = end()
    if job is not None and _close_when_idle(job) is not None:
        bpy.app.timers.register(functools.partial(_close_when_idle, job))
    app_handlers.remove(_HANDLERS)
