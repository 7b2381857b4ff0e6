"""Pictures asked of the engine: each asker has a channel, on which its newest request wins.

Those that only follow training are asked for so seldom that it goes on: the engine sees to that for all of its clients
together (``engine.service.processor``), and here it is seen to that no request waits there for long.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Container
from dataclasses import dataclass

from engine.link.geometry import Camera
from engine.link.messages import Frame, Quality, RunOpened

from ..session import registry
from ..session.engine_session import EngineSession

PATIENCE = 30.0  # seconds after which a picture that was asked for is taken to be lost
RENDERING_SHARE = 1 / 3  # of the engine's time may go into a channel's pictures that follow training


class Channel(enum.IntEnum):
    """Who asks. The engine renders for all of them in turn."""

    VIEWPORT = 0
    CAMERA = 1
    COMPARISON = 2
    IMAGE = 3


@dataclass(frozen=True)
class _Asked:
    """A picture that is still to come."""

    request: int
    quality: Quality
    at: float


_pending: dict[Channel, _Asked] = {}
_next_at: dict[Channel, float] = {}  # from when on the next picture that follows training may be asked for


def ask(
    session: EngineSession,
    channel: Channel,
    camera: Camera,
    quality: Quality = "final",
    depth: bool = False,
    exact: bool = False,
    mark_predicted: bool = False,
) -> int:
    """Ask for a picture in place of the one pending on ``channel``; returns the id that its frame will bear.

    From an engine on another computer it comes by lossy compression that hardly shows, unless it is to be ``exact``.
    With ``mark_predicted`` surfaces that are predicted rather than captured are hatched.
    """
    request = session.frame_requests.ask(
        channel, camera, quality=quality, depth=depth, exact=exact, mark_predicted=mark_predicted
    )
    _pending[channel] = _Asked(request, quality, time.monotonic())
    _next_at.pop(channel, None)
    return request


def is_pending(channel: Channel) -> bool:
    """Whether a picture was asked for on ``channel`` and is still to come."""
    return channel in _pending and time.monotonic() - _pending[channel].at < PATIENCE


def is_next_due(channel: Channel) -> bool:
    """Whether another picture may be asked for on ``channel`` because training has gone on: none is pending, and
    training has had its share of the time since the last one."""
    return not is_pending(channel) and time.monotonic() >= _next_at.get(channel, 0.0)


def take_early(session: EngineSession, wanted: Container[int]) -> Frame | None:
    """A picture for one of the requests ``wanted`` that is there already, before the pump would hand it out."""
    frame = session.frame_requests.take(wanted)
    if frame is not None:
        _on_frame(session, frame)
    return frame


def _on_frame(session: EngineSession, frame: Frame) -> None:
    now = time.monotonic()
    for channel, asked in _pending.items():
        if asked.request == frame.request and asked.quality == "final":
            _next_at[channel] = now + (now - asked.at) * (1 / RENDERING_SHARE - 1)
    _forget(lambda request: request == frame.request)


def _on_run(session: EngineSession, run: RunOpened) -> None:
    _forget(session.frame_requests.has_lost)


def _forget(is_over: Callable[[int], bool]) -> None:
    for channel in [channel for channel, asked in _pending.items() if is_over(asked.request)]:
        del _pending[channel]


_LISTENERS = ((Frame, _on_frame), (RunOpened, _on_run))


def register() -> None:
    """Listen to the engine, before those who ask do."""
    registry.listen(_LISTENERS)


def unregister() -> None:
    """Undo ``register``."""
    registry.stop_listening(_LISTENERS)
    _pending.clear()
    _next_at.clear()
