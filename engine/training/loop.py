"""Training: step after step within the trainer's budget, and what is due between two of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from engine.training.trainer import Trainer


def _never() -> bool:
    return False


def _nothing() -> None:
    return None


class TrainingLoop:
    """Trains, and calls ``save`` and ``evaluate`` when it has trained for so many seconds more than at the last time.

    ``evaluate_every`` may be changed meanwhile; 0 is never. What these two raise comes out of ``do_what_is_due``.
    """

    def __init__(
        self,
        trainer: Trainer[Any],
        save: Callable[[], object] = _nothing,
        save_every: float = math.inf,
        evaluate: Callable[[], object] = _nothing,
        evaluate_every: float = 0.0,
    ) -> None:
        self.evaluate_every = evaluate_every
        self._trainer, self._save, self._save_every, self._evaluate = trainer, save, save_every, evaluate
        self._saved_at = self._evaluated_at = trainer.training_seconds

    def note_saved(self) -> None:
        """It has just been saved for another reason."""
        self._saved_at = self._trainer.training_seconds

    def save_soon(self) -> None:
        """Have the next step be saved."""
        self._saved_at = -math.inf

    def run(self, is_over: Callable[[], bool] = _never, look: Callable[[], None] = _nothing) -> None:
        """Train until the budget is used up, or until ``is_over``; ``look`` is called after each step."""
        while not self._trainer.is_finished and not is_over():
            self._trainer.step()
            look()
            self.do_what_is_due()

    def do_what_is_due(self, is_last: bool = False, can_wait: bool = False) -> None:
        """After a step: evaluate and save if it is time, or if it is the last one. ``can_wait``: a save would keep
        somebody waiting, and may come up to as long again later."""
        seconds = self._trainer.training_seconds
        if self.evaluate_every > 0 and (is_last or seconds - self._evaluated_at >= self.evaluate_every):
            self._evaluated_at = seconds
            self._evaluate()
        if is_last or seconds - self._saved_at >= self._save_every * (2 if can_wait else 1):
            self.note_saved()
            self._save()
