"""evaluate: the test views scored, as the panel shows them."""

from __future__ import annotations

import argparse

import bpy

from engine.link.messages import Evaluation
from engine.link.scoring import describe_psnr

from ..review.scores import worst_views
from ..review.views import captured_views
from ..session.engine_session import EngineSession
from .console import Console
from .engine_options import chosen_engine
from .waiting import CommandError, open_run, wait


def evaluate(options: argparse.Namespace, console: Console) -> None:
    """Score the test views with the run as it was saved: a line a view, the worst first. Raises CommandError,
    CaptureError, ValueError."""
    scene = bpy.context.scene
    with chosen_engine(options):
        session = open_run(scene, "to score")
        if not any(view.split == "test" for view in captured_views(scene).values()):
            raise CommandError("no test view is captured, so there is nothing to score")
        wait(session, console, lambda: _is_complete(session), lambda: "Opening the run")
        score(session, console)
    last = session.evaluations[-1]
    for name, psnr, ssim in worst_views(last, len(last.views)):
        console.result(f"{name}: PSNR {psnr:.2f} dB, SSIM {ssim:.3f}; whole picture {last.views[name]['psnr']:.2f} dB")
    console.result(describe_scores(last))


def score(session: EngineSession, console: Console) -> None:
    """Have the test views scored as the field is now, and wait for it. Raises CommandError."""
    former = session.evaluations[-1:]
    session.evaluate()
    wait(session, console, lambda: session.evaluations[-1:] != former, lambda: "Scoring the test views")


def describe_scores(scores: Evaluation) -> str:
    """The means, in words."""
    views = "one test view" if len(scores.views) == 1 else f"{len(scores.views)} test views"
    if scores.subject_psnr is None:
        return f"PSNR {describe_psnr(None, scores.psnr)}, SSIM {scores.ssim:.3f} on {views}"
    words = f"PSNR {describe_psnr(scores.subject_psnr, scores.psnr)}, SSIM {scores.subject_ssim:.3f} on {views}"
    return f"{words}; whole pictures {scores.psnr:.2f} dB"


def _is_complete(session: EngineSession) -> bool:
    """Whether the engine has opened the run and has all its views."""
    return session.run is not None and not session.views.count("waiting", "sent")
