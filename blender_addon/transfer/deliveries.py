"""The running deliveries: kept going by the pump, and told when they have ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from engine.link.messages import FileChunk, Problem

from ..session import registry
from ..session.engine_session import EngineSession
from .delivery import Copying, Delivery
from .fetching import Fetching

CLASSES = ()

OnEnd = Callable[[Delivery], None]


@dataclass(frozen=True)
class _Running:
    delivery: Delivery
    session: EngineSession


_running: list[_Running] = []


def is_remote(session: EngineSession) -> bool:
    """Whether the engine's files are out of reach: it runs on another computer, or behind a tunnel to one."""
    return session.welcome is not None and session.welcome.ring is None


def deliver(session: EngineSession, files: Sequence[tuple[str, Path]], on_end: OnEnd) -> Delivery:
    """Bring files, each by its path under the engine's root (with forward slashes), to where they are to be.

    Returns at once; the pump keeps it going and calls ``on_end`` with the delivery once it is done, has failed or was
    cancelled.
    """
    delivery: Delivery
    if is_remote(session):
        delivery = Fetching(files, session.fetch_file)
    else:
        assert session.welcome is not None
        root = Path(session.welcome.root)
        delivery = Copying([(root / PurePosixPath(path), target) for path, target in files])
    entry = _Running(delivery, session)
    _running.append(entry)
    delivery.start()

    def keep_going() -> bool:
        if isinstance(delivery, Fetching):
            delivery.note_connection(not session.is_reconnecting)
            if session.phase != "ready" and not session.is_reconnecting:
                delivery.fail("The connection to the engine was lost while files were fetched")
        if delivery.poll():
            return True
        _running.remove(entry)
        on_end(delivery)
        return False

    registry.poll_while(keep_going)
    return delivery


def is_delivering(session: EngineSession, delivery: Delivery) -> bool:
    """Whether ``session`` is still at it. One of a former session ends with the next pump."""
    return delivery.state == "running" and any(e.delivery is delivery and e.session is session for e in _running)


def cancel_all() -> None:
    """Give up all deliveries; files that are whole stay."""
    for entry in _running:
        entry.delivery.cancel()


def _on_chunk(session: EngineSession, chunk: FileChunk) -> None:
    for entry in tuple(_running):
        if entry.session is session and isinstance(entry.delivery, Fetching):
            entry.delivery.take(chunk)


def _on_problem(session: EngineSession, problem: Problem) -> None:
    for entry in tuple(_running):
        if entry.session is session and isinstance(entry.delivery, Fetching):
            entry.delivery.refuse(problem)


_LISTENERS = ((FileChunk, _on_chunk), (Problem, _on_problem))


def register() -> None:
    """Listen to the engine."""
    registry.listen(_LISTENERS)


def unregister() -> None:
    """Undo ``register``; running ones are given up."""
    cancel_all()
    _running.clear()
    registry.stop_listening(_LISTENERS)
