"""How training stands in words, as panels show it."""

from __future__ import annotations

import bpy

from engine.link.messages import Status

from ..durations import describe_rest, describe_seconds
from ..session.engine_session import EngineSession

_TRAINING = {"idle": "Idle", "warming up": "Warming up", "training": "Training", "paused": "Paused", "finished": "Done"}


def describe_progress(status: Status) -> str:
    """What the training's progress bar says."""
    return _TRAINING[status.state] + (describe_rest(status.eta_seconds) if status.state == "training" else "")


def describe_training(session: EngineSession) -> list[str]:
    """How training stands: a few lines, short enough for a sidebar as wide as it is at first."""
    status = session.status
    if status is None:
        return []
    lines = [f"Step {status.step:,} in {describe_seconds(status.seconds)}, {status.steps_per_second:.0f}/s"]
    lines.append(f"{status.train_views} training, {status.test_views} held-out views")
    if waiting := session.views.count("waiting", "sent"):
        lines.append(f"{waiting} views on the way")
    if session.evaluations:
        last = session.evaluations[-1]
        lines.append(f"PSNR {last.psnr:.2f} dB, SSIM {last.ssim:.3f} at {describe_seconds(last.seconds)}")
    return lines


def describe_saved_run(saved: bpy.types.PropertyGroup) -> str:
    """How the run stood that a .blend remembers (``scene.hashlight.run``)."""
    words = "There is a saved run"
    if saved.step:
        words += f": {saved.step:,} steps in {describe_seconds(saved.seconds)}"
    if saved.psnr:
        words += f", PSNR {saved.psnr:.2f} dB"
    return f"{words}. Train goes on with it, Preview and Bake use it as it is"
