"""What the engine last said of itself and its work, as Blender knows it. No ``bpy``."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from engine.link.messages import (
    Evaluation,
    Frame,
    ItemAdded,
    JobUpdate,
    Message,
    Problem,
    RunClosed,
    RunOpened,
    SnapshotSaved,
    Status,
)
from engine.link.metrics import Described

_BEFORE_TRAINING = ("idle", "warming up")


class EngineState:
    """The engine's state: ``run`` (the one that is open), ``is_closed`` (the last one no longer is), ``status``,
    ``evaluations`` (one a step) and what their figures are called (``metrics``), ``jobs`` by name, ``frame`` (the last
    picture) and ``snapshot`` (the last one that was saved)."""

    def __init__(self) -> None:
        self.run: RunOpened | None = None
        self.is_closed = False
        self.status: Status | None = None
        self.evaluations: list[Evaluation] = []
        self.metrics: Described = {}
        self.jobs: dict[str, JobUpdate] = {}
        self.frame: Frame | None = None
        self.snapshot: SnapshotSaved | None = None

    def note(self, message: Message) -> bool:
        """Take in what the engine said; False when it is of no use any more: about the run that was open before."""
        if self.run is None and isinstance(message, Frame | ItemAdded | Evaluation):
            return False
        match message:
            case RunOpened():
                self.run, self.is_closed, self.metrics = message, False, message.metrics
            case RunClosed():
                self.run, self.is_closed = None, True
            case Status():
                # Before a run is open, one that has got further is about the run before, which goes on until then.
                is_current = self.run is not None or message.state in _BEFORE_TRAINING
                self.status = message if is_current else None
            case Frame():
                self.frame = message
            case Evaluation():
                # A run that is opened tells of all its scores, also of those that are known here already.
                self.evaluations = [known for known in self.evaluations if known.step != message.step] + [message]
            case JobUpdate():
                self.jobs[message.job] = message
            case SnapshotSaved():
                self.snapshot = message
            case Problem():
                self._fail(message.regarding, message.message)
        return True

    def fail_jobs(self, words: str, known: Container[str] = ()) -> None:
        """No job that was running goes on but those ``known``, for the reason that ``words`` give."""
        for job in tuple(self.jobs):
            if job not in known:
                self._fail(job, words)

    def forget_engine(self) -> None:
        """The engine is gone: so is what only it knew."""
        self.run, self.status, self.is_closed = None, None, False

    def forget_run(self, history: bool) -> None:
        """Another run is to be opened, or none; with ``history`` it goes on with the scores that are known."""
        self.run, self.status, self.frame, self.is_closed = None, None, None, False
        if not history:
            self.evaluations, self.metrics, self.snapshot = [], {}, None

    @property
    def progress_made(self) -> Status | None:
        """How far the run has come; None while the engine hasn't opened it yet."""
        is_open = self.run is not None and self.status is not None
        return self.status if is_open and self.status.state not in _BEFORE_TRAINING else None

    def _fail(self, job: str, words: str) -> None:
        update = self.jobs.get(job)
        if update is not None and update.state == "running":
            self.jobs[job] = replace(update, state="failed", message=words, eta_seconds=None)
