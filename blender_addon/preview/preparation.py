"""Frames made ready for Blender: its row order and its floats, large ones in a thread of their own.

What is left for the main thread is to hand finished arrays over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from engine.link.geometry import Camera
from engine.link.messages import Frame

from ..session import registry
from ..session.engine_session import EngineSession
from . import pixel_memory
from .picture import to_blender_pixels

# Pictures up to this size are prepared at once: 2 ms, less than the redraw that a thread's end would have to wait for.
AT_ONCE_PIXELS = 1 << 18


@dataclass(frozen=True, eq=False)
class PreparedFrame:
    """A frame as Blender keeps pictures: ``pixels`` [H * W * 4] float32 premultiplied scene-linear and ``depth``
    [H * W] float32 planar z (or None), rows from the bottom up."""

    request: int
    step: int
    camera: Camera
    pixels: np.ndarray
    depth: np.ndarray | None


def prepare(frame: Frame) -> PreparedFrame:
    """``frame`` in Blender's terms; in any thread."""
    depth = None
    if frame.depth is not None:
        depth = pixel_memory.borrow(frame.depth.size)
        np.copyto(depth.reshape(frame.depth.shape), frame.depth[::-1])
    return PreparedFrame(frame.request, frame.step, frame.camera, to_blender_pixels(frame.color), depth)


class Preparation:
    """Prepares frames for one taker, who gets them from the pump: ``take(session, prepared)``.

    Of frames that come while one is being prepared only the newest is prepared after it.
    """

    def __init__(self, take: Callable[[EngineSession, PreparedFrame], None]) -> None:
        self._take = take
        self._waiting: tuple[EngineSession, Frame] | None = None
        self._work: _Work | None = None

    def give(self, session: EngineSession, frame: Frame) -> None:
        """Prepare ``frame``: in the background, unless it is small or there is no window that could freeze."""
        if bpy.app.background or frame.camera.width * frame.camera.height <= AT_ONCE_PIXELS:
            self.forget()  # older ones
            self._take(session, prepare(frame))
            return
        self._waiting = (session, frame)
        if self._work is None:
            registry.poll_while(self._advance)

    def forget(self) -> None:
        """Hand over nothing of what was given so far."""
        self._waiting = None
        if self._work is not None:
            self._work.is_wanted = False

    def _advance(self) -> bool:
        """Called by the pump; returns whether to be called again."""
        work = self._work
        if work is not None:
            if work.is_alive():
                return True
            self._work = None
            if work.is_wanted and work.prepared is not None:
                self._take(work.session, work.prepared)
        if self._waiting is None:
            return False
        self._work, self._waiting = _Work(*self._waiting), None
        self._work.start()
        return True


class _Work(threading.Thread):
    """One frame's preparation."""

    def __init__(self, session: EngineSession, frame: Frame) -> None:
        super().__init__(name="hashlight-prepare", daemon=True)
        self.session, self.is_wanted = session, True
        self.prepared: PreparedFrame | None = None
        self._frame = frame

    def run(self) -> None:
        self.prepared = prepare(self._frame)
