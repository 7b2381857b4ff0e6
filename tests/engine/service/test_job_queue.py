"""Jobs one after another, with a signal: what they are called, and one that ends without what it was begun for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.link.geometry import Bounds
from engine.link.messages import BakeSpec, EvaluationSpec, JobUpdate, Message, StartJob
from engine.primitives.base import Scores
from engine.primitives.item_primitive import Item
from engine.rendering.viewer import looking_at
from engine.service.job_queue import JobError, JobQueue
from engine.service.paths import PathError
from engine.training.trainer import Trainer
from tests.engine.plugin.signal import Signal, SignalKind, SignalSpec


class InPieces(Signal):
    """One whose scores take more than one piece of work."""

    def evaluate(self, viewer: Any, most: int | None = None) -> Iterator[Any]:
        yield 0
        yield from super().evaluate(viewer, most)


class Scoreless(Signal):
    """One that forgets to give its scores."""

    def evaluate(self, viewer: Any, most: int | None = None) -> Iterator[Any]:
        yield from ()


def make_queue(cls: type[Signal], root: Path, posted: list[Message], scored: list[Scores]) -> tuple[JobQueue, Any]:
    """One for a signal with something held out, and the trainer."""
    config = SignalKind.presets.configure("auto", "cpu", {})
    trainer: Trainer[Any] = Trainer(cls(SignalSpec(), config, "cpu"))
    for split in ("train", "test"):
        trainer.primitive.add(Item(split, split, torch.ones(8, 1)))
    return JobQueue(trainer, trainer.primitive.viewer(), root, root / "run", posted.append, scored.append), trainer


def test_scores_that_a_client_asked_for_do_not_wait_for_training(tmp_path: Path) -> None:
    queue, _ = make_queue(InPieces, tmp_path, [], [])
    queue.evaluate()
    assert queue.can_wait
    queue.start(StartJob(job="scores", specification=EvaluationSpec()))
    assert not queue.can_wait, "behind the scheduled ones"


def test_an_evaluation_that_a_former_client_left_running_answers_the_next_one(tmp_path: Path) -> None:
    posted: list[Message] = []
    scored: list[Scores] = []
    queue, _ = make_queue(InPieces, tmp_path, posted, scored)
    evaluation = StartJob(job="scores", specification=EvaluationSpec())
    queue.start(evaluation)
    queue.advance()
    queue.start(evaluation)
    assert queue.names == ("scores",)
    while not queue.is_empty:
        queue.advance()
    assert len(scored) == 1
    last = posted[-1]
    assert isinstance(last, JobUpdate)
    assert (last.job, last.state) == ("scores", "done")


def test_a_bake_in_the_place_of_a_running_job_is_refused(tmp_path: Path) -> None:
    queue, _ = make_queue(InPieces, tmp_path, [], [])
    queue.start(StartJob(job="work", specification=EvaluationSpec()))
    with pytest.raises(JobError, match="'work' is running already"):
        queue.start(StartJob(job="work", specification=BakeSpec(output="frames", cameras=[])))


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"output": "run"}, "output"),
        ({"output": "run/frames"}, "output"),
        ({"output": "frames", "video": "run/film.mp4"}, "video"),
    ],
)
def test_a_bake_into_the_folder_of_the_open_run_is_refused(
    fields: dict[str, str], at_fault: str, tmp_path: Path
) -> None:
    queue, _ = make_queue(InPieces, tmp_path, [], [])
    bake = BakeSpec(cameras=[looking_at(Bounds(np.zeros(3), np.ones(3)), 8)], **fields)
    with pytest.raises(PathError, match=f"{at_fault}: 'run.*' is in the folder of the run that is open"):
        queue.start(StartJob(job="frames", specification=bake))


def test_two_scheduled_evaluations_have_names_of_their_own(tmp_path: Path) -> None:
    posted: list[Message] = []
    scored: list[Scores] = []
    queue, trainer = make_queue(InPieces, tmp_path, posted, scored)
    queue.evaluate()
    queue.advance()
    trainer.step()
    queue.evaluate()  # of a later step than the one that is just being scored
    queue.evaluate()  # which is about to be done already
    assert queue.names == ("scheduled evaluation", "scheduled evaluation 2")
    queue.cancel("scheduled evaluation 2")
    assert queue.current == "scheduled evaluation"
    while not queue.is_empty:
        queue.advance()
    assert len(scored) == 1
    ended = {update.job: update.state for update in posted if isinstance(update, JobUpdate)}
    assert ended == {"scheduled evaluation": "done", "scheduled evaluation 2": "cancelled"}


def test_an_evaluation_without_scores_fails_in_words(tmp_path: Path) -> None:
    posted: list[Any] = []
    queue, _ = make_queue(Scoreless, tmp_path, posted, [])
    queue.evaluate()
    with pytest.raises(RuntimeError, match="a signal was scored to the end without giving scores"):
        queue.advance()
    assert queue.is_empty and posted[-1].state == "failed" and "a signal was scored" in posted[-1].message
