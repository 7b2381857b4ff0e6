"""What the device thread does first, and from which state it renders: its rounds, done one by one in this process."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.exr import read_exr
from engine.device import PROFILES
from engine.link.messages import (
    AddView,
    BakeSpec,
    CancelJob,
    Capturing,
    Evaluation,
    EvaluationSpec,
    Frame,
    ItemAdded,
    JobUpdate,
    Message,
    OpenRun,
    Problem,
    RequestFrame,
    SnapshotSaved,
    StartJob,
    Train,
)
from engine.service import job_queue
from engine.service.commands import CommandQueue
from engine.service.pipe import ViewerCame
from engine.service.session import SNAPSHOT_EVERY
from engine.service.worker import Worker
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_cameras, sphere_field, sphere_views

VIEWS = sphere_views(8, 32)
CAMERA = sphere_cameras(5, 32)[2]


class Rounds:
    """A worker whose rounds are done here, and what it posts."""

    def __init__(self, root: Path) -> None:
        self.posted: list[Message] = []
        self.worker = Worker(root, TEST_DEVICE, lambda message, _: self.posted.append(message), print, lambda: None)
        assert self.worker._start_device()
        self.do(OpenRun(run="r", primitive=sphere_field(), overrides=TINY))

    def do(self, *messages: Message) -> list[Message]:
        """One round after these have come; what was posted in it."""
        for message in messages:
            self.worker.submit(message)
        self.posted.clear()
        self.worker._do_round()
        return list(self.posted)

    def until(self, done: Callable[[Message], bool]) -> Message:
        """Rounds until something is posted for which ``done`` holds."""
        for _ in range(2000):
            for message in self.do(*([] if self.worker._session_has_work() else [Train(running=True)])):
                assert not isinstance(message, Problem), message.message
                if done(message):
                    return message
        raise AssertionError("it does not come")


@pytest.fixture
def rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rounds:
    monkeypatch.setattr("engine.service.processor.HOLD_SECONDS", 0.0)  # nobody else needs the processor here
    return Rounds(tmp_path)


def add(index: int, name: str, split: Any = "train") -> AddView:
    view = VIEWS[index % len(VIEWS)]
    return AddView(name=name, split=split, camera=view.camera, color=view.color, depth=view.depth)


def test_a_moving_view_waits_for_one_command_whatever_is_queued(rounds: Rounds) -> None:
    moving = RequestFrame(request=1, camera=CAMERA, quality="moving")
    views = [add(number, f"v{number}") for number in range(40)]
    first = rounds.do(*views, moving)
    assert [type(message) for message in first] == [ItemAdded, Frame]
    second = rounds.do(dataclasses.replace(moving, request=2))
    assert [type(message) for message in second] == [ItemAdded, Frame]
    rest = rounds.do()
    assert [type(message) for message in rest] == [ItemAdded] * 38, "views come fast again once nothing moves"


@pytest.mark.parametrize("work", ["step", "advance_job"])
def test_a_view_that_moves_during_a_piece_of_work_waits_for_no_other(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    rounds.do(add(0, "a"))
    bake = StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,) * 100, output="b"))
    rounds.do(bake if work == "advance_job" else Train(running=True))
    session = rounds.worker._session
    assert session is not None
    former, moving = getattr(session, work), RequestFrame(request=1, camera=CAMERA, quality="moving")

    def work_while_views_come_and_one_moves() -> None:
        former()
        for number in range(40):
            rounds.worker.submit(add(number, f"v{number}"))
        rounds.worker.submit(moving)

    monkeypatch.setattr(session, work, work_while_views_come_and_one_moves)
    rounds.worker.submit(Train(running=True))  # beside the bake, too
    done = [type(message) for message in rounds.do() if isinstance(message, ItemAdded | Frame)]
    assert done == [Frame]


def test_a_save_waits_for_a_view_that_moves_but_not_for_ever(rounds: Rounds) -> None:
    rounds.do(add(0, "a"), Train(running=True))
    session, number = rounds.worker._session, itertools.count(1)
    assert session is not None

    def saves(seconds: float, is_moving: bool = False) -> int:
        """In one round, so many seconds of training after the last save."""
        session._trainer.training_seconds = session._loop._saved_at + seconds
        moving = RequestFrame(request=next(number), camera=CAMERA, quality="moving")
        done = rounds.do(*([moving] if is_moving else []))
        assert len([message for message in done if isinstance(message, Frame)]) == is_moving
        return len([message for message in done if isinstance(message, SnapshotSaved)])

    assert saves(SNAPSHOT_EVERY) == 1
    assert saves(SNAPSHOT_EVERY, is_moving=True) == 0, "pictures would wait for the disk"
    rounds.worker._moved_at = -math.inf  # it has rested for a while
    assert saves(SNAPSHOT_EVERY) == 1
    assert saves(2 * SNAPSHOT_EVERY, is_moving=True) == 1, "no more than as long again can be lost"


def test_other_commands_wait_for_a_moving_view_no_longer_than_for_one_picture(rounds: Rounds) -> None:
    moving = RequestFrame(request=1, camera=CAMERA, quality="moving")
    done = rounds.do(add(0, "a"), CancelJob(job="none"), moving) + rounds.do()
    assert [type(message) for message in done] == [ItemAdded, Frame, Problem]


def test_a_client_that_only_watched_and_goes_changes_nothing_for_one_that_renders(rounds: Rounds) -> None:
    rounds.worker.submit(Capturing(under_way=True), 1)
    rounds.do()
    for client, is_rendering in ((2, True), (1, False)):
        rounds.worker.forget_client(client)
        rounds.do()
        assert rounds.worker._processor.is_client_rendering == is_rendering


def test_channels_take_turns_and_a_resting_view_comes_though_another_moves(
    rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.rendering.bands._MIN_PIXELS", 64)
    monkeypatch.setitem(PROFILES, TEST_DEVICE, dataclasses.replace(PROFILES[TEST_DEVICE], most_band_pixels=64 * 8))
    # While it renders, views move on: there is always somebody who presses.
    monkeypatch.setattr(CommandQueue, "is_pressing", True)
    rounds.do(OpenRun(run="in bands", primitive=sphere_field(), overrides=TINY))
    rounds.do(add(0, "a"))
    resting = RequestFrame(request=1, channel=2, camera=CAMERA.resized(64, 64))
    rounds.worker.submit(resting)
    answered: list[int] = []
    while 2 not in answered:
        moving = [
            RequestFrame(request=len(answered), channel=channel, camera=CAMERA, quality="moving") for channel in (0, 1)
        ]
        done = [message for message in rounds.do(*moving) if isinstance(message, Frame)]
        channels = [frame.channel for frame in done]
        assert channels[:2] == [0, 1], "each that moves has its picture in every round"
        assert [frame.request for frame in done[:2]] == [len(answered)] * 2
        answered += channels
        assert len(answered) <= 2 * (64 * 64 // 64 + 1), "a round has a band of 64 pixels at least, however slow it is"
    assert answered.index(2) >= 4, "it has more than one band"


def test_of_all_who_only_watch_one_has_a_picture_in_a_round(rounds: Rounds) -> None:
    viewers = (8, 9)
    for viewer in viewers:
        rounds.worker.submit(ViewerCame(), viewer)
    rounds.do(add(0, "a"))
    moving = RequestFrame(request=1, camera=CAMERA, quality="moving")
    for viewer in viewers:
        rounds.worker.submit(dataclasses.replace(moving, request=viewer), viewer)
    assert [message.request for message in rounds.do(moving) if isinstance(message, Frame)] == [1, 8]
    assert [message.request for message in rounds.do() if isinstance(message, Frame)] == [9]


@pytest.mark.parametrize("free", [1 << 40, 0])
def test_a_bake_during_training_shows_one_state_of_the_field(
    rounds: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(job_queue, "free_memory", lambda device: free)
    for index in range(4):
        rounds.do(add(index, f"v{index}"))
    rounds.do(Train(running=True))
    cameras = (CAMERA.resized(64, 64),) * 6
    rounds.worker.submit(StartJob(job="b", specification=BakeSpec(cameras=cameras, output="b", image_formats=("exr",))))
    session = rounds.worker._session
    assert session is not None
    rounds.until(lambda message: isinstance(message, JobUpdate) and message.done == 1)
    began = session.status().step
    rounds.worker.submit(add(5, "late"))  # what it carves must not show either
    rounds.until(lambda message: isinstance(message, JobUpdate) and message.state == "done")
    frames = [read_exr(tmp_path / "b" / f"frame_{number:04d}.exr")["RGBA"] for number in range(1, 7)]
    for frame in frames[1:]:  # bands of other heights add up in another order
        np.testing.assert_allclose(frame.astype(float), frames[0].astype(float), atol=2e-3)
    if free:
        assert session.status().step > began, "training goes on meanwhile"
    else:
        assert session.status().step <= began + 1, "without memory for a copy, training rests"
        step = session.status().step
        rounds.do()
        assert session.status().step > step, "and then goes on"


def test_scores_are_of_the_step_that_they_name(rounds: Rounds) -> None:
    large = sphere_views(1, 128)[0]
    held_out = AddView(name="test", split="test", camera=large.camera, color=large.color, depth=large.depth)
    for index in range(2):
        rounds.do(add(index, f"v{index}"))
    rounds.do(held_out, Train(running=True))
    for _ in range(5):
        rounds.do()
    session = rounds.worker._session
    assert session is not None
    before = session.status().step
    rounds.worker.submit(StartJob(job="scores", specification=EvaluationSpec()))
    evaluation = rounds.until(lambda message: isinstance(message, Evaluation))
    assert isinstance(evaluation, Evaluation) and evaluation.step == before
    assert session.status().step > before


def test_the_end_of_training_is_scored_though_an_earlier_step_is_just_being_scored(rounds: Rounds) -> None:
    large = sphere_views(1, 128)[0]
    held_out = AddView(name="test", split="test", camera=large.camera, color=large.color, depth=large.depth)
    rounds.do(add(0, "v0"))
    rounds.do(held_out, Train(running=True, steps=10, evaluate_every=1e9))
    session = rounds.worker._session
    assert session is not None
    while session.status().step < 9:
        rounds.do()
    posted = rounds.do(StartJob(job="scores", specification=EvaluationSpec()))
    assert session.status().state == "finished" and session.has_job, "the scoring has more than one piece"
    while session.has_job:
        posted += rounds.do()
    assert [message.step for message in posted if isinstance(message, Evaluation)] == [9, 10]


def test_a_job_that_ended_while_nobody_was_there_is_told_to_whoever_goes_on(rounds: Rounds) -> None:
    rounds.do(add(0, "a"))
    rounds.worker.submit(StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="b")))
    rounds.until(lambda message: isinstance(message, JobUpdate) and message.state == "done")
    told = rounds.do(OpenRun(run="r", primitive=sphere_field(), resume=True))
    *before, opened = told
    assert opened.jobs == ("b",)  # type: ignore[attr-defined]
    assert [(update.job, update.state) for update in before] == [("b", "done")]  # type: ignore[attr-defined]
