"""Training of any primitive, or of what else learns in steps: these, the optimiser's, and the budget that shapes the
learning rate."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Mapping
from typing import Generic, TypeVar

import torch

from engine.device import PROFILES
from engine.optimizers.row_adam import RowAdam
from engine.primitives.base import Learner
from engine.primitives.memory import has_room
from taichi_kernels import runtime

_MOST_STEPS = 2**31 - 1  # kernels count in 32 bits
_MOST_SECONDS = 1e10
_RECENT_STEPS = 64

P = TypeVar("P", bound=Learner)


@dataclasses.dataclass(frozen=True)
class TrainStats:
    """How training stands. ``loss``: of the last step, None before the first. ``figures``: what the primitive says of
    that step (see Primitive.figures)."""

    step: int
    seconds: float
    steps_per_second: float
    loss: float | None
    figures: dict[str, float]


class Trainer(Generic[P]):
    """Trains one primitive (or other learner), to which data may be added between any two steps."""

    def __init__(self, primitive: P) -> None:
        runtime.start(primitive.device)  # the optimiser's kernels need it, whatever the primitive's do
        self.primitive = primitive
        self.optimizer = RowAdam(primitive.parameters())
        self.step_count = 0
        self.training_seconds = 0.0
        self._budget: tuple[float | None, int | None] = (None, None)
        self._budget_since = 0.0
        self._recent: collections.deque[float] = collections.deque(maxlen=_RECENT_STEPS)

    @property
    def is_finished(self) -> bool:
        """Whether the budget is used up."""
        progress = self.progress
        return progress is not None and progress >= 1.0

    @property
    def progress(self) -> float | None:
        """How much of the budget is used, 0 to 1 and over; None without one."""
        seconds, steps = self._budget
        parts = []
        if seconds is not None:
            parts.append(self.planned_seconds / (seconds - self._budget_since))
        if steps is not None:
            parts.append(self.step_count / steps)
        return max(parts, default=None)

    @property
    def planned_seconds(self) -> float:
        """Training seconds since the budget's begin."""
        return max(self.training_seconds - self._budget_since, 0.0)

    def set_budget(self, seconds: float | None, steps: int | None, since: float = 0.0) -> None:
        """Total training seconds or steps (whichever is used up first) over which the learning rate falls. Seconds
        before ``since`` leave it as it is at first."""
        for name, value in (("seconds", seconds), ("steps", steps)):
            if value is not None and not value > 0:
                raise ValueError(f"{name}: the budget must be positive, got {value}")
        if not since >= 0 or (seconds is not None and not since < seconds):
            raise ValueError(f"since: the budget must begin at 0 or later and before its end, got {since}")
        self._budget, self._budget_since = (seconds, steps), since

    def warm_up(self) -> None:
        """Run training's kernels once on made-up data, so that nothing is compiled when the first data is there; where
        memory has no room for what that takes, the first steps compile."""
        if not has_room(self.primitive.config, self.primitive.device):
            return
        scratch = Trainer(self.primitive.scratch())
        scratch.step()
        scratch.primitive.update(0)
        PROFILES[self.primitive.device].wait()

    def step(self) -> None:
        """One optimisation step. Raises NoDataError when there is nothing to train on yet."""
        started = time.perf_counter()
        primitive, config, step, progress = self.primitive, self.primitive.config, self.step_count, self.progress
        if primitive.step(step, progress):
            rate = config.learning_rate_at(step, progress)
            self.optimizer.step(rate, 1.0 / primitive.gradient_scale, config.weight_decay)
        self.step_count = step + 1
        primitive.update(self.step_count)
        elapsed = time.perf_counter() - started
        self.training_seconds += elapsed
        self._recent.append(elapsed)

    def stats(self) -> TrainStats:
        """Loss and rates. Reads the device: a few times a second, not every step."""
        rate = len(self._recent) / sum(self._recent) if self._recent else 0.0
        loss, figures = self.primitive.loss(), self.primitive.figures()
        return TrainStats(self.step_count, self.training_seconds, rate, loss, figures)

    def state(self) -> dict[str, torch.Tensor]:
        """All a resume needs but the data: the primitive's, the optimiser's, counters."""
        progress = torch.tensor([float(self.step_count), self.training_seconds], dtype=torch.float64)
        return self.primitive.state() | self.optimizer.state() | {"trainer.progress": progress}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError that names a missing or misshapen tensor."""
        progress = state.get("trainer.progress")
        if progress is None or progress.shape != (2,) or progress.dtype != torch.float64:
            raise ValueError("trainer.progress: missing or of another size or kind")
        step, seconds = progress.tolist()
        if not (0 <= step <= _MOST_STEPS and 0 <= seconds <= _MOST_SECONDS):
            raise ValueError(f"trainer.progress: {step:g} steps in {seconds:g} s")
        self.primitive.load_state(state)
        self.optimizer.load_state(state)
        self.step_count, self.training_seconds = int(step), seconds
