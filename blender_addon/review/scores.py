"""What training has come to: the loss over time, the scores over time, the worst items. No ``bpy``.

The loss comes with every status and is kept here, thinned out so that a long training stays a short list. Scores are
the session's own evaluations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from engine.link.messages import Evaluation, RunOpened, Status
from engine.link.metrics import Described, known_by_weight, metric_named

from ..session.connecting import EngineSource, LocalEngine
from ..session.engine_session import EngineSession

MAX_POINTS = 512
_CHARTS = 2  # of scores, beside that of the loss

Point = tuple[float, float]  # seconds of training, value


class LossHistory:
    """The loss over training time, evenly thinned to ``MAX_POINTS`` at most."""

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._spacing = 0.0  # seconds between two points

    def add(self, seconds: float, loss: float) -> None:
        """Note the loss after ``seconds`` of training. What is earlier than the last point starts the list again."""
        if self._points and seconds < self._points[-1][0]:
            self.clear()
        if self._points and seconds - self._points[-1][0] <= self._spacing:
            return
        self._points.append((seconds, loss))
        if len(self._points) > MAX_POINTS:
            self._points = self._points[::2]
            self._spacing = (self._points[-1][0] - self._points[0][0]) / MAX_POINTS * 2

    def clear(self) -> None:
        """Forget everything: another run."""
        self._points = []
        self._spacing = 0.0

    @property
    def points(self) -> Sequence[Point]:
        """(seconds, loss), in order."""
        return self._points


loss_history = LossHistory()
_run: tuple[EngineSource | None, str] = (None, "")  # whose losses these are: of which engine, and which of its runs


def note_status(session: EngineSession, status: Status) -> None:
    """Listens to the engine."""
    loss = status.metrics.get("loss")
    if loss is not None and status.state == "training":
        loss_history.add(status.seconds, loss)


def note_run(session: EngineSession, run: RunOpened) -> None:
    """Listens to the engine: a run that is opened anew, or another one, has no history here."""
    global _run
    if (session.source, run.run) != _run or run.step == 0:
        loss_history.clear()
    _run = session.source, run.run


def note_moved(former: Path, present: Path) -> None:
    """All that was in folder ``former`` is in ``present`` now, and the engine that will be started there goes on."""
    global _run
    source, run = _run
    if isinstance(source, LocalEngine) and source.root.is_relative_to(former):
        _run = dataclasses.replace(source, root=present / source.root.relative_to(former)), run


def losses_of(session: EngineSession) -> Sequence[Point]:
    """(seconds, loss) of the run that ``session`` has open or opens; none while only a former run's are known."""
    return loss_history.points if (session.source, session.run_name) == _run else ()


def figures_to_chart(evaluations: Sequence[Evaluation], described: Described) -> list[str]:
    """The names of the one or two scores that matter most among those that any of ``evaluations`` has."""
    known: dict[str, float | None] = {}
    for evaluation in evaluations:
        known |= known_by_weight(evaluation.scores, described)
    return [*known_by_weight(known, described)][:_CHARTS]


def points_of(name: str, evaluations: Sequence[Evaluation]) -> list[Point]:
    """(seconds, value) of each evaluation that has the score ``name``."""
    return [(scores.seconds, value) for scores in evaluations if (value := scores.scores.get(name)) is not None]


def describe_what_is_scored(evaluations: Sequence[Evaluation], described: Described) -> str:
    """What the score that matters most is of, as a sentence; "" where there is nothing to say."""
    return next((metric_named(name, described).about for name in figures_to_chart(evaluations, described)), "")


def worst_items(evaluation: Evaluation, count: int, described: Described) -> list[tuple[str, dict[str, float]]]:
    """The ``count`` held-out items that have the worst of the score that matters most, the worst first: name, and all
    scores by weight. An item without that score, as a view that doesn't show the subject, is not among them."""
    first = next(iter(known_by_weight(evaluation.scores, described)), None)
    if first is None:
        return []
    scored = [(name, known_by_weight(figures, described)) for name, figures in evaluation.items.items()]
    scored = [(name, figures) for name, figures in scored if first in figures]
    is_lower_better = metric_named(first, described).better == "lower"
    return sorted(scored, key=lambda item: item[1][first], reverse=is_lower_better)[:count]
