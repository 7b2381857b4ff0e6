"""Pictures asked of the engine, whoever asks: it renders only the newest request, so askers have to mind each other."""

from __future__ import annotations

import time
from collections.abc import Container

from engine.link.geometry import Camera
from engine.link.messages import Frame, Quality, RunOpened

from ..session import registry
from ..session.engine_session import EngineSession

PATIENCE = 30.0  # seconds after which a picture that was asked for is taken to be lost

_request = 0  # 0: none under way
_asked_at = 0.0


def ask(
    session: EngineSession, camera: Camera, quality: Quality = "final", depth: bool = False, exact: bool = False
) -> int:
    """Ask for a picture in place of any other under way; returns the id that its frame will bear.

    From an engine on another computer it comes compressed at a loss that hardly shows, unless it is to be ``exact``.
    """
    global _request, _asked_at
    _request = session.frame_requests.ask(camera, quality=quality, depth=depth, exact=exact)
    _asked_at = time.monotonic()
    return _request


def is_under_way() -> bool:
    """Whether a picture was asked for and is still to come."""
    return _request != 0 and time.monotonic() - _asked_at < PATIENCE


def take_early(session: EngineSession, wanted: Container[int]) -> Frame | None:
    """A picture for one of the requests ``wanted`` that is there already, before the pump would hand it out."""
    frame = session.frame_requests.take(wanted)
    if frame is not None:
        _on_frame(session, frame)
    return frame


def _on_frame(session: EngineSession, frame: Frame) -> None:
    global _request
    if frame.request == _request:
        _request = 0


def _on_run(session: EngineSession, run: RunOpened) -> None:
    global _request
    if session.frame_requests.has_lost(_request):
        _request = 0


_LISTENERS = ((Frame, _on_frame), (RunOpened, _on_run))


def register() -> None:
    """Listen to the engine, before those who ask do."""
    registry.listen(_LISTENERS)


def unregister() -> None:
    """Undo ``register``."""
    registry.stop_listening(_LISTENERS)
