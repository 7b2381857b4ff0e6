"""How training stands, as text for panels."""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from engine.link.messages import Evaluation, Status
from engine.link.metrics import METRICS, describe_metric
from engine.link.scoring import describe_psnr

from ..durations import describe_rest, describe_seconds
from ..session.engine_session import EngineSession
from .settings import FIELD_LABELS

_SCORES_IN_A_LINE = 2
_TRAINING = {"idle": "Idle", "warming up": "Warming up", "training": "Training", "paused": "Paused", "finished": "Done"}


def describe_progress(status: Status) -> str:
    """What the training's progress bar says."""
    return _TRAINING[status.state] + (describe_rest(status.eta_seconds) if status.state == "training" else "")


def describe_training(session: EngineSession) -> list[str]:
    """How training stands: a few lines, short enough for a sidebar as wide as it is at first."""
    status = session.status
    if status is None:
        return []
    rate = status.metrics.get("steps_per_second") or 0.0
    lines = [f"Step {status.step:,} in {describe_seconds(status.seconds)}, {rate:.0f}/s"]
    lines.append(f"{status.train_views} training, {status.test_views} test views")
    if waiting := session.views.count("waiting", "sent"):
        lines.append(f"{waiting} views on the way")
    return lines + describe_others(status.metrics)


def describe_others(figures: Mapping[str, float | None]) -> list[str]:
    """The figures that a kind of primitive has of its own, a line each."""
    return [describe_metric(name, value) for name, value in figures.items() if name not in METRICS]


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
    words = describe_mean(last)
    is_short = last.scores.get("subject_psnr") is not None
    return f"{words} at {describe_seconds(last.seconds)}" if is_short else words


def describe_mean(scores: Evaluation) -> str:
    """The PSNR, or what a kind of primitive without one is scored by, in a few words."""
    psnr = scores.scores.get("psnr")
    if psnr is None:
        return ", ".join(describe_others(scores.scores)[:_SCORES_IN_A_LINE])
    return f"PSNR {describe_psnr(scores.scores.get('subject_psnr'), psnr)}"


def describe_saved_run(saved: bpy.types.PropertyGroup) -> str:
    """How the run stood that a .blend remembers (``scene.hashlight.run``)."""
    words = "There is a saved run"
    if saved.step:
        words += f": {saved.step:,} steps in {describe_seconds(saved.seconds)}"
    if saved.psnr:
        words += f", PSNR {describe_psnr(saved.subject_psnr or None, saved.psnr)}"
    return f"{words}. Train goes on with it, Preview and Render from Field use it as it is"
