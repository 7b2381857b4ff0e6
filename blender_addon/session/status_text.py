"""The engine's state, as text for panels."""

from __future__ import annotations

from ..durations import describe_seconds
from .engine_session import EngineSession

SILENCE_PATIENCE = 5.0  # seconds
BUSY_PATIENCE = 20.0  # seconds; compiling for a graphics card can take some

_PHASES = {
    "stopped": "Not running",
    "starting": "Starting…",
    "ready": "Ready",
    "stopping": "Saving and stopping…",
    "lost": "Not connected",
}


def describe_engine(session: EngineSession | None) -> str:
    """Whether there is an engine, and what it runs on."""
    if session is None:
        return _PHASES["stopped"]
    if session.is_reconnecting:
        return "Connecting again…"
    if session.phase == "ready" and session.welcome is not None:
        return f"{_PHASES['ready']}, on {session.welcome.device.upper()}"
    return _PHASES[session.phase]


def describe_problem(session: EngineSession | None) -> str:
    """What is wrong with the engine, or with what was asked of it; "" while nothing is."""
    if session is None:
        return ""
    return session.failure.message if session.failure is not None else describe_silence(session)


def describe_silence(session: EngineSession) -> str:
    """What to say of an engine that is there but does not answer; "" while it does."""
    cure = "Restart ends it; training then goes on from the last snapshot"
    if session.silent_seconds >= SILENCE_PATIENCE:
        words = f"The engine has not answered for {describe_seconds(session.silent_seconds)}"
        return f"{words}. It may be busy, or the computer is, or what is between. {cure}"
    busy = 0.0 if session.status is None else session.status.busy_seconds
    if busy >= BUSY_PATIENCE:
        return f"The engine's device has not answered for {describe_seconds(busy)}. {cure}"
    return ""
