"""What the user wants of the engine: which run is to be open, and whether and for how long to train. No ``bpy``.

Kept on this side, so that an engine that died can be started again and brought back to where it was.
"""

from __future__ import annotations

from dataclasses import replace

from engine.link.messages import Capturing, OpenRun, PrimitiveSpec, Status, Train


class DesiredState:
    """The run and the training that were asked for last, and whether the engine is to give way to a capture."""

    def __init__(self) -> None:
        self.training: Train | None = None
        self.capturing = Capturing(under_way=False)
        self._run: OpenRun | None = None
        self._was_open = False

    def want_run(self, run: OpenRun) -> None:
        """Another run is wanted; one that is not resumed has no training planned yet."""
        self._run = run
        self._was_open = False
        if not run.resume:
            self.training = None

    def note_opened(self) -> None:
        """The run was opened: from now on it is to be gone on with, not begun again."""
        self._was_open = True

    def want_none(self) -> None:
        """No run is wanted any more, nor any training."""
        self._run = self.training = None

    def give_up(self, run: str) -> None:
        """The run in this folder can't be opened: if that is the one that is wanted, none is any more."""
        if self._run is not None and self._run.run == run:
            self._run = None

    def pause(self) -> bool:
        """Want no training for now; its budget stays. Returns whether any was planned."""
        if self.training is None:
            return False
        self.training = replace(self.training, running=False)
        return True

    @property
    def run_for_new_engine(self) -> OpenRun | None:
        """What an engine that has just been started is to open; None when nothing was asked for."""
        return None if self._run is None else replace(self._run, resume=self.is_resuming)

    @property
    def primitive(self) -> PrimitiveSpec | None:
        """What the run is to learn; None when there is none."""
        return None if self._run is None else self._run.primitive

    @property
    def run_name(self) -> str | None:
        """The folder of the run, relative to the engine's root; None when there is none."""
        return None if self._run is None else self._run.run

    @property
    def is_resuming(self) -> bool:
        """Whether the run goes on with what an earlier one has learnt."""
        return self._run is not None and (self._run.resume or self._was_open)

    @property
    def wants_training(self) -> bool:
        """Whether training was last told to run."""
        return self.training is not None and self.training.running

    def are_met_by(self, status: Status) -> bool:
        """Whether the time or the steps that training was last given are used up."""
        if self.training is None or status.state != "finished":
            return False
        # What came before the engine took note of a new plan speaks of the old one.
        return status.seconds >= (self.training.seconds or 0.0) and status.step >= (self.training.steps or 0)
