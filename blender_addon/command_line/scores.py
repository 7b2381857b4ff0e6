"""evaluate: the held-out views scored, as the panel shows them."""

from __future__ import annotations

import argparse

import bpy

from engine.link.messages import Evaluation

from ..review.views import captured_views
from ..session.engine_session import EngineSession
from .console import Console
from .engine_options import chosen_engine
from .waiting import CommandError, open_run, wait


def evaluate(options: argparse.Namespace, console: Console) -> None:
    """Score the held-out views with the run as it was saved: a line a view, the worst first. Raises CommandError,
    CaptureError, ValueError."""
    scene = bpy.context.scene
    with chosen_engine(options):
        session = open_run(scene, "to score")
        if not any(view.split == "test" for view in captured_views(scene).values()):
            raise CommandError("no held-out view is captured, so there is nothing to score")
        wait(session, console, lambda: _is_complete(session), lambda: "Opening the run")
        score(session, console)
    last = session.evaluations[-1]
    for name, figures in sorted(last.views.items(), key=lambda item: item[1]["psnr"]):
        console.result(f"{name}: PSNR {figures['psnr']:.2f} dB, SSIM {figures['ssim']:.3f}")
    console.result(describe_scores(last))


def score(session: EngineSession, console: Console) -> None:
    """Have the held-out views scored as the field is now, and wait for it. Raises CommandError."""
    former = session.evaluations[-1:]
    session.evaluate()
    wait(session, console, lambda: session.evaluations[-1:] != former, lambda: "Scoring the held-out views")


def describe_scores(scores: Evaluation) -> str:
    """The means, in words."""
    views = "one held-out view" if len(scores.views) == 1 else f"{len(scores.views)} held-out views"
    return f"PSNR {scores.psnr:.2f} dB, SSIM {scores.ssim:.3f} on {views}"


def _is_complete(session: EngineSession) -> bool:
    """Whether the engine has opened the run and has all its views."""
    return session.run is not None and not session.views.count("waiting", "sent")
