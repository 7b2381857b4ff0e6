"""What is to be read of an engine: whether there is one, what it last said, and what is wanted of it."""

from __future__ import annotations

from engine.link.geometry import Bounds
from engine.link.jobs import SCHEDULED
from engine.link.messages import (
    Evaluation,
    Frame,
    JobUpdate,
    PrimitiveSpec,
    RunOpened,
    SnapshotSaved,
    Status,
    Train,
    Welcome,
)
from engine.link.metrics import Described

from .attachment import Attachment, Phase
from .desired_state import DesiredState
from .engine_state import EngineState

EVALUATION = "evaluation of test views"  # with blanks, which no bake's name has


class EngineReadings:
    """One engine, to look at; see EngineSession, which talks to it."""

    def __init__(self, engine: Attachment) -> None:
        self._engine = engine
        self._desired = DesiredState()
        self._engine_state = EngineState()

    # --- the engine itself ---------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Whether there is an engine."""
        return self._engine.phase

    @property
    def welcome(self) -> Welcome | None:
        """What the engine said of itself when it was last reached."""
        return self._engine.welcome

    @property
    def silent_seconds(self) -> float:
        """How long an engine that is there has said nothing; it should several times a second."""
        return self._engine.silent_seconds

    @property
    def is_reconnecting(self) -> bool:
        """Whether the connection to an engine was lost and is being made again."""
        return self._engine.is_reconnecting

    @property
    def is_gone(self) -> bool:
        """Whether no engine of ours is there any more, not even one that is saving its run."""
        return self._engine.is_gone

    @property
    def engine_pid(self) -> int | None:
        """The process id of our engine, None when there is none."""
        return self._engine.pid

    # --- what it said --------------------------------------------------------------------------------------------

    @property
    def run(self) -> RunOpened | None:
        """The run that is open in the engine."""
        return self._engine_state.run

    @property
    def has_closed_run(self) -> bool:
        """Whether the engine has let go of the run that was open last."""
        return self._engine_state.is_closed

    @property
    def run_name(self) -> str | None:
        """The run that is wanted: it is open, is being opened, or will be as soon as there is an engine."""
        return self._desired.run_name

    @property
    def wants_run(self) -> bool:
        """Whether any run is wanted."""
        return self.run_name is not None

    @property
    def status(self) -> Status | None:
        """How training stands."""
        return self._engine_state.status

    @property
    def evaluations(self) -> list[Evaluation]:
        """The scores of the run, the newest last."""
        return self._engine_state.evaluations

    @property
    def metrics(self) -> Described:
        """What the figures of the run's kind are called, those that it is judged by first."""
        return self._engine_state.metrics

    @property
    def is_scoring(self) -> bool:
        """Whether the engine scores what is held out, by itself or because it was asked to."""
        running = (job.job for job in self.jobs.values() if job.state == "running")
        return any(name == EVALUATION or name.startswith(SCHEDULED) for name in running)

    @property
    def jobs(self) -> dict[str, JobUpdate]:
        """How jobs stand, by name."""
        return self._engine_state.jobs

    @property
    def frame(self) -> Frame | None:
        """The last picture."""
        return self._engine_state.frame

    @property
    def snapshot(self) -> SnapshotSaved | None:
        """The last snapshot that was saved."""
        return self._engine_state.snapshot

    @property
    def is_training(self) -> bool:
        """Whether the engine is training, or about to."""
        return self.phase == "ready" and self.status is not None and self.status.state in ("training", "warming up")

    @property
    def progress_made(self) -> Status | None:
        """How far the run has come; None while the engine hasn't opened it yet."""
        return self._engine_state.progress_made

    @property
    def is_trained(self) -> bool:
        """Whether the time or the steps that training was last given are used up."""
        return self.progress_made is not None and self._desired.are_met_by(self.progress_made)

    @property
    def training(self) -> Train | None:
        """What training was last told."""
        return self._desired.training

    @property
    def wants_training(self) -> bool:
        """Whether training was last told to run."""
        return self._desired.wants_training

    @property
    def is_resuming(self) -> bool:
        """Whether the run that was asked for last goes on with what an earlier one has learnt."""
        return self._desired.is_resuming

    @property
    def primitive(self) -> PrimitiveSpec | None:
        """What the run that was asked for last is to learn."""
        return self._desired.primitive

    @property
    def bounds(self) -> Bounds | None:
        """The box that pictures of the run show: what the engine says, or what was asked for while it hasn't opened the
        run yet; None while neither is known."""
        if self.run is not None:
            return self.run.bounds
        return None if self.primitive is None else self.primitive.box

    @property
    def takes_views(self) -> bool:
        """Whether what the run learns from are views: what the engine says, or what was asked for while it hasn't
        opened the run yet."""
        if self.run is not None:
            return self.run.items_are_views
        return self.primitive is not None and self.primitive.takes_views
