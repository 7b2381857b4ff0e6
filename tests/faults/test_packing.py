"""What can't be packed is replaced by words that can, whatever the message is."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from engine.link import codec
from engine.link.messages import (
    ENGINE_MESSAGES,
    BakeResult,
    Evaluation,
    FileChunk,
    Frame,
    JobUpdate,
    Message,
    Problem,
    SnapshotSaved,
    Status,
    Welcome,
)
from engine.service.packing import pack_or_explain
from tests.faults.mutation import CAMERA, FROM_ENGINE

CHUNK = next(message for message in FROM_ENGINE if isinstance(message, FileChunk))
UNSENDABLE = "a\0b\ud800\x1b" * 3000


def sent(message: Message) -> Message:
    return codec.decode(b"".join(pack_or_explain(message)), ENGINE_MESSAGES)


@pytest.mark.parametrize("message", FROM_ENGINE, ids=lambda message: type(message).__name__)
def test_a_sound_message_is_sent_as_it_is(message: Message) -> None:
    assert type(sent(message)) is type(message)


@pytest.mark.parametrize(
    "message",
    [
        Problem(code=UNSENDABLE, message=UNSENDABLE, hint=UNSENDABLE, regarding=UNSENDABLE, fatal=True),
        JobUpdate(job="b", state="failed", done=1, total=2, message=UNSENDABLE),
        SnapshotSaved(path="/r/\udce4/snapshot", step=3),
        Welcome(protocol=4, version="0", device="cpu", device_name="x", root="/\udcff"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_texts_are_made_printable(message: Any) -> None:
    received = sent(message)
    assert type(received) is type(message)
    for field in dataclasses.fields(message):
        if not isinstance(getattr(message, field.name), str):
            assert getattr(received, field.name) == getattr(message, field.name)


def test_texts_of_parts_are_made_printable() -> None:
    result = BakeResult(folder="/r/\udce4", image_formats=("png",), depth=True)
    received = sent(JobUpdate(job="b\ud800", state="done", done=1, total=1, result=result))
    assert isinstance(received, JobUpdate) and received.result is not None
    assert received.job == "b\\ud800" and received.result.folder == "/r/\\udce4" and received.result.depth


@pytest.mark.parametrize(
    ("message", "regarding"),
    [
        (Evaluation(step=1, seconds=1.0, scores={"psnr": float("nan")}), ""),
        (Status(state="paused", metrics={"loss": 1e308}), ""),
        (Status(state="dreaming"), ""),  # type: ignore[arg-type]
        (Frame(request=1, step=1, camera=CAMERA, color=np.zeros((3, 3), np.int8)), ""),
        (JobUpdate(job="b" * 501, state="done", done=1, total=1), "b" * 500),
        (JobUpdate(job="b", state="done", done=10**9, total=1), "b"),
        (dataclasses.replace(CHUNK, offset=object()), "bakes/b/frame_0001.png"),  # type: ignore[arg-type]
    ],
)
def test_what_else_cannot_be_sent_is_explained(message: Any, regarding: str) -> None:
    problem = sent(message)
    assert isinstance(problem, Problem) and problem.code == "unsendable"
    assert f"{type(message).__name__} can't be sent" in problem.message
    assert problem.regarding in (regarding, regarding[:497] + "...")
