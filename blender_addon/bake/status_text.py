"""How a bake stands, as text for panels."""

from __future__ import annotations

from engine.link.messages import JobUpdate

from ..durations import describe_rest


def describe_job(update: JobUpdate) -> str:
    """How a bake stands."""
    if update.state == "running":
        return f"{update.done} of {update.total} frames{describe_rest(update.eta_seconds)}"
    if update.state == "done":
        return f"{update.total} frames done"
    if update.state == "cancelled":
        return f"Cancelled after {update.done} of {update.total} frames"
    return f"Failed after {update.done} of {update.total} frames" + (f": {update.message}" if update.message else "")
