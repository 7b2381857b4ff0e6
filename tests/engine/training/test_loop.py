"""What is due between training steps, and when."""

from __future__ import annotations

import pytest

from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer
from tests.engine.training.small_run import make_trainer
from tests.engine.training.textured_sphere import training_views


@pytest.fixture
def trainer(device: str) -> Trainer:
    return make_trainer(device, "srgb", training_views("srgb", count=2, size=16))


def test_it_trains_until_the_budget_is_used_up(trainer: Trainer) -> None:
    looks: list[int] = []
    trainer.set_budget(None, 5)
    TrainingLoop(trainer).run(look=lambda: looks.append(trainer.step_count))
    assert looks == [1, 2, 3, 4, 5] and trainer.is_finished


def test_it_stops_before_the_next_step_when_it_is_over(trainer: Trainer) -> None:
    trainer.set_budget(None, 5)
    TrainingLoop(trainer).run(lambda: trainer.step_count == 2)
    assert trainer.step_count == 2


def test_saves_and_evaluations_are_due_by_seconds_of_training(trainer: Trainer) -> None:
    done: list[tuple[str, float]] = []

    def note(what: str) -> None:
        done.append((what, trainer.training_seconds))

    trainer.training_seconds = 10.0  # before this loop
    loop = TrainingLoop(trainer, lambda: note("saved"), 4.0, lambda: note("scored"), 3.0)
    for second in range(11, 21):
        trainer.training_seconds = float(second)
        loop.do_what_is_due()
    # A score is saved with the run that comes after it.
    expected = [("scored", 13), ("saved", 14), ("scored", 16), ("saved", 18), ("scored", 19)]
    assert done == expected
    loop.do_what_is_due(is_last=True)
    assert done == [*expected, ("scored", 20), ("saved", 20)]
    loop.evaluate_every = 0.0
    loop.do_what_is_due(is_last=True)
    assert done[-1] == ("saved", 20) and len(done) == 8
    loop.save_soon()
    loop.do_what_is_due()
    loop.do_what_is_due()
    assert len(done) == 9


def test_what_a_save_raises_is_told_and_the_next_one_is_tried_when_it_is_time(trainer: Trainer) -> None:
    def fail() -> None:
        raise OSError("no room")

    loop = TrainingLoop(trainer, fail, 4.0)
    trainer.training_seconds = 5.0
    with pytest.raises(OSError, match="no room"):
        loop.do_what_is_due()
    trainer.training_seconds = 8.0
    loop.do_what_is_due()
    trainer.training_seconds = 9.0
    with pytest.raises(OSError, match="no room"):
        loop.do_what_is_due()
