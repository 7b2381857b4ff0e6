"""evaluate: the test views scored, as the panel shows them."""

from __future__ import annotations

import argparse

import bpy

from engine.link.messages import Evaluation
from engine.link.metrics import METRICS, describe_metric
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
        whole = METRICS["psnr"].write(last.views[name]["psnr"])
        console.result(f"{name}: PSNR {psnr:.2f} dB, SSIM {ssim:.3f}; whole picture {whole}")
    console.result(describe_scores(last))


def score(session: EngineSession, console: Console) -> None:
    """Have the test views scored as the field is now, and wait for it. Raises CommandError."""
    former = session.evaluations[-1:]
    session.evaluate()
    wait(session, console, lambda: session.evaluations[-1:] != former, lambda: "Scoring the test views")


def describe_scores(scores: Evaluation) -> str:
    """The means, as text."""
    means = scores.scores
    psnr, subject = means.get("psnr"), means.get("subject_psnr")
    if psnr is None:
        return ", ".join(describe_metric(name, value) for name, value in means.items())
    views = "one test view" if len(scores.views) == 1 else f"{len(scores.views)} test views"
    ssim = METRICS["ssim"].write(means["ssim" if subject is None else "subject_ssim"])
    words = f"PSNR {describe_psnr(subject, psnr)}, SSIM {ssim} on {views}"
    return words if subject is None else f"{words}; whole pictures {METRICS['psnr'].write(psnr)}"


def _is_complete(session: EngineSession) -> bool:
    """Whether the engine has opened the run and has all its views."""
    return session.run is not None and not session.views.count("waiting", "sent")
