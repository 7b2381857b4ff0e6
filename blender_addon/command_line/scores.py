"""evaluate: the test views scored, as the panel shows them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import bpy

from engine.link.metrics import Described, describe_metric, known_by_weight
from engine.link.wording import counted

from ..capture.captured_views import captured_views
from ..review.scores import worst_items
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
    for name, figures in worst_items(last, len(last.items), session.metrics):
        console.result(f"{name}: {_describe(figures, session.metrics)}")
    console.result(describe_scores(session))


def score(session: EngineSession, console: Console) -> None:
    """Have the test views scored as the field is now, and wait for it. Raises CommandError."""
    former = session.evaluations[-1:]
    session.evaluate()
    wait(session, console, lambda: session.evaluations[-1:] != former, lambda: "Scoring the test views")


def describe_scores(session: EngineSession) -> str:
    """The last scores' means, as text. There must be some."""
    last, item = session.evaluations[-1], session.run.item if session.run is not None else "item"
    items = counted(len(last.items), f"test {item}")
    return f"{_describe(last.scores, session.metrics)}, on {items}"


def _describe(figures: Mapping[str, float | None], described: Described) -> str:
    known = known_by_weight(figures, described).items()
    return ", ".join(describe_metric(name, value, described) for name, value in known)


def _is_complete(session: EngineSession) -> bool:
    """Whether the engine has opened the run and has all its views."""
    return session.run is not None and not session.views.count("waiting", "sent")
