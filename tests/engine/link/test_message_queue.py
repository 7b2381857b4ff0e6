"""The queue between two threads: order, replacement, bound."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engine.link import codec
from engine.link.geometry import Camera
from engine.link.message_queue import LinkBusy, MessageQueue
from engine.link.messages import AddView, CancelJob, Frame, JobUpdate, RequestFrame, Status

CAMERA = Camera(np.eye(4), 8, 8, 5.0, 5.0, 4.0, 4.0)


def request(number: int) -> RequestFrame:
    return RequestFrame(request=number, camera=CAMERA)


def view(name: str) -> AddView:
    return AddView(name=name, split="train", camera=CAMERA, color=np.zeros((8, 8, 4), np.float16))


def update(job: str, done: int, state: str = "running") -> JobUpdate:
    return JobUpdate(job=job, state=state, done=done, total=9)  # type: ignore[arg-type]


def test_messages_come_out_in_order() -> None:
    queue = MessageQueue(1 << 20)
    sent = [CancelJob(job=str(number)) for number in range(5)]
    for message in sent:
        queue.put(message)
    assert queue.drain() == sent
    assert queue.pending_bytes == 0 and queue.pop() is None


def test_only_the_latest_frame_request_is_kept_and_it_overtakes_views_alone() -> None:
    queue = MessageQueue(1 << 20)
    early, job, late = view("a"), update("b", 1), view("c")
    for message in (request(1), early, job, late, view("d"), request(2), request(3)):
        queue.put(message)
    kept = queue.drain()
    assert kept[:2] == [early, job] and kept[3] is late
    assert isinstance(kept[2], RequestFrame) and kept[2].request == 3 and len(kept) == 5


def test_the_latest_frame_request_of_each_channel_is_kept() -> None:
    queue = MessageQueue(1 << 20)
    for number, channel in ((1, 0), (2, 1), (3, 0)):
        queue.put(dataclasses.replace(request(number), channel=channel))
    assert [message.request for message in queue.drain()] == [2, 3]  # type: ignore[attr-defined]


def test_views_of_one_name_do_not_replace_each_other_in_the_queue() -> None:
    queue = MessageQueue(1 << 20)
    queue.put(view("a"))
    queue.put(view("a"))
    assert len(queue.drain()) == 2


def test_a_jobs_progress_is_replaced_but_not_its_end_nor_another_jobs() -> None:
    queue = MessageQueue(1 << 20)
    for message in (update("a", 1), update("b", 1), update("a", 2), update("a", 3, "done")):
        queue.put(message)
    assert [(m.job, m.done, m.state) for m in queue.drain()] == [  # type: ignore[attr-defined]
        ("b", 1, "running"),
        ("a", 2, "running"),
        ("a", 3, "done"),
    ]


def test_past_its_bound_it_refuses_and_replacing_needs_no_room() -> None:
    queue = MessageQueue(4000)
    queue.put(view("a"))
    queue.put(Status(state="training"))
    with pytest.raises(LinkBusy):
        queue.put(view("b"))
    before = queue.pending_bytes
    queue.put(Status(state="paused"))
    assert queue.pending_bytes == before
    queue.pop()
    queue.put(view("b"))


def test_one_message_larger_than_the_bound_still_fits_an_empty_queue() -> None:
    queue = MessageQueue(10)
    queue.put(view("a"))
    assert queue.pop() is not None


def test_a_message_for_which_there_is_no_room_takes_nothing_out() -> None:
    def frame(side: int) -> Frame:
        color = np.zeros((side, side, 4), np.float16)
        return Frame(request=1, step=0, camera=CAMERA.resized(side, side), color=color, render_seconds=0.0)

    queue = MessageQueue(codec.size_of(view("a")) + codec.size_of(frame(8)))
    queue.put(view("a"))
    queue.put(frame(8))
    with pytest.raises(LinkBusy):
        queue.put(frame(16))
    kept = queue.drain()
    assert [type(message) for message in kept] == [AddView, Frame]
    assert queue.pending_bytes == 0
