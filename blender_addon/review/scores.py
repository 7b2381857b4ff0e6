"""What training has come to: the loss over time, the scores over time, the worst views. No ``bpy``.

The loss comes with every status and is kept here, thinned out so that a long training stays a short list. Scores are
the session's own evaluations.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.link.messages import Evaluation, RunOpened, Status

from ..session.engine_session import EngineSession

MAX_POINTS = 512

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
_run = ""


def note_status(session: EngineSession, status: Status) -> None:
    """Listens to the engine."""
    loss = status.metrics.get("loss")
    if loss is not None and status.state == "training":
        loss_history.add(status.seconds, loss)


def note_run(session: EngineSession, run: RunOpened) -> None:
    """Listens to the engine: a run that is opened anew, or another one, has no history here."""
    global _run
    if run.run != _run or run.step == 0:
        loss_history.clear()
    _run = run.run


def psnr_points(evaluations: Sequence[Evaluation]) -> list[Point]:
    """(seconds, dB) of each evaluation, over the subject."""
    return _points(evaluations, "psnr")


def ssim_points(evaluations: Sequence[Evaluation]) -> list[Point]:
    """(seconds, 0..1) of each evaluation, over the subject."""
    return _points(evaluations, "ssim")


def _points(evaluations: Sequence[Evaluation], figure: str) -> list[Point]:
    """What was scored over the subject; of a run that an older version scored, which has none, over whole pictures."""
    for name in (f"subject_{figure}", figure):
        points = [(scores.seconds, value) for scores in evaluations if (value := scores.scores.get(name)) is not None]
        if points:
            return points
    return []


def describe_what_is_scored(evaluations: Sequence[Evaluation]) -> str:
    """Which part of the test views the scores that are shown go by, as text; "" where they are of no pictures."""
    if all(scores.scores.get("psnr") is None for scores in evaluations):
        return ""
    if any(scores.scores.get("subject_psnr") is not None for scores in evaluations):
        return "Scores are of the subject alone"
    return "Scores are of whole pictures, as older versions gave them: Evaluate Now scores the subject"


def worst_views(evaluation: Evaluation, count: int) -> list[tuple[str, float, float]]:
    """The ``count`` held-out views of the lowest PSNR, worst first: name, PSNR in dB, SSIM; over the subject, or with
    scores of an older version over whole pictures. A view that doesn't show the subject is not among them."""
    prefix = "" if evaluation.scores.get("subject_psnr") is None else "subject_"
    scored = [
        (name, figures[f"{prefix}psnr"], figures[f"{prefix}ssim"])
        for name, figures in evaluation.views.items()
        if figures.get(f"{prefix}psnr") is not None and figures.get(f"{prefix}ssim") is not None
    ]
    return sorted(scored, key=lambda view: view[1])[:count]
