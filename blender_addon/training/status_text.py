"""How training stands, as text for panels."""

from __future__ import annotations

import bpy

from engine.link.messages import Status
from engine.link.metrics import COMMON, describe_first, describe_metric

from ..durations import describe_rest, describe_seconds
from ..session.engine_session import EngineSession
from .settings import FIELD_LABELS

_SHORT = 26  # characters of a score, at most, with which its time is in the same line
_LONGEST_IN_BAR = 36  # characters, in a sidebar as wide as it is at first
_TRAINING = {"idle": "Idle", "warming up": "Warming up", "training": "Training", "paused": "Paused", "finished": "Done"}


def describe_progress(status: Status, awaited: int = 0, is_scoring: bool = False) -> str:
    """What the training's progress bar says; what holds training up, if that is short. ``awaited``: from how many views
    on the time counts, if there aren't so many yet. ``is_scoring``: whether the last score is still to come."""
    if awaited:
        return f"Training time starts with {awaited} views"
    if is_scoring and status.state == "finished":
        return "Scoring"
    if status.message and len(status.message) <= _LONGEST_IN_BAR:
        return _as_sentence(status.message)
    return _TRAINING[status.state] + (describe_rest(status.eta_seconds) if status.state == "training" else "")


def describe_long_message(status: Status) -> str:
    """What the engine says of the training where the progress bar has no room for it, else ""."""
    return _as_sentence(status.message) if len(status.message) > _LONGEST_IN_BAR else ""


def describe_training(session: EngineSession) -> list[str]:
    """How training stands: a few lines, short enough for a sidebar as wide as it is at first."""
    status = session.status
    if status is None:
        return []
    rate = status.metrics.get("steps_per_second") or 0.0
    lines = [f"Step {status.step:,} in {describe_seconds(status.seconds)}, {rate:.0f}/s"]
    items = f"{session.run.item if session.run is not None else 'item'}s"
    waiting = session.views.count("waiting", "sent")
    on_the_way = f", {waiting} more" if waiting else ""
    lines.append(f"{status.train_items} training, {status.test_items} test {items}{on_the_way}")
    own = {name: value for name, value in status.metrics.items() if name not in COMMON}
    return lines + [describe_metric(name, value, session.metrics) for name, value in own.items()]


def describe_other_field(session: EngineSession, chosen: str) -> str:
    """Words when the open run learns with something else than the field ``chosen`` for the next, else ""."""
    run = session.run
    if run is None or run.primitive.learner == chosen:
        return ""
    present, next_one = (FIELD_LABELS.get(name, name.title()) for name in (run.primitive.learner, chosen))
    return f"The open run is a {present}. Restart Training… begins a {next_one}"


def describe_score(session: EngineSession) -> str:
    """The last score, in a line as short. There must be one."""
    last = session.evaluations[-1]
    words = describe_first(last.scores, session.metrics) or "No score is known"
    return f"{words} at {describe_seconds(last.seconds)}" if len(words) <= _SHORT else words


def describe_saved_run(saved: bpy.types.PropertyGroup) -> str:
    """How the run stood that a .blend remembers (``scene.hashlight.run``), in a line as short."""
    return f"Saved: {saved.step:,} steps in {describe_seconds(saved.seconds)}" if saved.step else "There is a saved run"


def _as_sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
