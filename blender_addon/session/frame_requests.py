"""Pictures asked of the engine: the ids that they bear, and which of them won't come. No ``bpy``."""

from __future__ import annotations

from collections.abc import Callable, Container

from engine.link.geometry import Camera
from engine.link.messages import Frame, Message, Quality, RequestFrame

from .attachment import Attachment
from .engine_state import EngineState


class FrameRequests:
    """What is asked goes out through ``queue``; what comes is noted in ``engine_state``, by whichever way it is taken
    in."""

    def __init__(self, engine: Attachment, engine_state: EngineState, queue: Callable[[Message], None]) -> None:
        self._engine = engine
        self._engine_state = engine_state
        self._queue = queue
        self._last = 0
        self._last_lost = 0

    def ask(
        self,
        channel: int,
        camera: Camera,
        *,
        quality: Quality = "final",
        depth: bool = False,
        exact: bool = True,
        mark_predicted: bool = False,
    ) -> int:
        """Ask for a picture; the newest request of a channel wins. Returns the id that the frame will bear, which no
        other channel's does."""
        self._last += 1
        request = RequestFrame(
            request=self._last,
            channel=channel,
            camera=camera,
            quality=quality,
            depth=depth,
            exact=exact,
            mark_predicted=mark_predicted,
        )
        self._queue(request)
        return self._last

    def take(self, requests: Container[int]) -> Frame | None:
        """A picture for one of ``requests`` that has come, before the pump takes it in; None when there is none."""
        if self._engine_state.run is None:
            return None
        frame = self._engine.take(lambda message: isinstance(message, Frame) and message.request in requests)
        if not isinstance(frame, Frame):
            return None
        self._engine_state.note(frame)
        return frame

    def lose(self) -> None:
        """No picture asked for so far will come: the engine is a new one, or the run is."""
        self._last_lost = self._last

    def has_lost(self, request: int) -> bool:
        """Whether the picture of this id won't come: it was asked of a former engine, or of a former run."""
        return request <= self._last_lost
