"""Which picture is whose turn: the newest of each channel, moving views first, the others one after another."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.link.messages import AddFile, CloseRun, RequestFrame
from engine.service.commands import CommandQueue
from engine.service.pipe import ViewerCame
from tests.scenes import sphere_cameras

CAMERA = sphere_cameras(1, 8)[0]


def ask(number: int, channel: int, quality: Any = "final") -> RequestFrame:
    return RequestFrame(request=number, channel=channel, camera=CAMERA, quality=quality)


def take(queue: CommandQueue, served: Any = ()) -> tuple[int, int] | None:
    """Request and client of the picture whose turn it is."""
    item = queue.take_request(lambda request: True, served)
    return None if item is None else (item[0].request, item[1])


def test_the_newest_of_each_channel_and_client_counts_and_has_the_turn_of_the_former() -> None:
    queue = CommandQueue()
    for number, channel, client in ((1, 0, 7), (2, 1, 7), (3, 0, 8), (4, 0, 7)):
        queue.put(ask(number, channel), client)
    assert [take(queue) for _ in range(4)] == [(4, 7), (2, 7), (3, 8), None]


def test_moving_views_come_first() -> None:
    queue = CommandQueue()
    queue.put(ask(1, 0))
    queue.put(ask(2, 1, "moving"))
    assert queue.is_view_moving
    assert take(queue) == (2, 0) and not queue.is_view_moving and take(queue) == (1, 0)


def test_a_moving_view_of_one_that_only_watches_presses_nobody_and_has_its_turn_after_those_that_do() -> None:
    queue = CommandQueue()
    queue.put(ViewerCame(), 8)
    queue.take_command()
    queue.put(ask(1, 0, "moving"), 8)
    assert not queue.is_view_moving and not queue.is_pressing
    queue.put(ask(2, 0, "moving"), 7)
    assert queue.is_view_moving and take(queue) == (2, 7) and take(queue) == (1, 8)


def test_data_that_comes_all_the_time_presses_nothing() -> None:
    queue = CommandQueue()
    queue.put(AddFile(name="a", split="train", path="a.npy"))
    assert not queue.is_pressing
    queue.put(CloseRun())
    assert queue.is_pressing


def test_who_was_served_waits_for_the_others() -> None:
    queue = CommandQueue()
    queue.put(ask(1, 0, "moving"))
    queue.put(ask(2, 1))
    served = {(0, 0)}
    assert take(queue, served) == (2, 0) and take(queue, served) is None and take(queue) == (1, 0)


def test_an_interrupted_picture_goes_on_before_others_begin_unless_there_is_a_newer_one() -> None:
    queue = CommandQueue()
    interrupted = ask(1, 0)
    queue.put(interrupted, 7)
    queue.put(ask(2, 1), 7)
    assert take(queue) == (1, 7)
    queue.put_back(interrupted, 7)
    assert take(queue) == (1, 7)
    queue.put(ask(3, 0), 7)
    queue.put_back(interrupted, 7)
    assert [take(queue) for _ in range(3)] == [(2, 7), (3, 7), None]


def test_nothing_is_rendered_for_a_client_that_is_gone() -> None:
    queue = CommandQueue()
    queue.put(ask(1, 0), 7)
    queue.put(ask(2, 3), 7)
    queue.put(ask(3, 0), 8)
    interrupted = queue.take_request(lambda request: request.request == 2)
    assert interrupted is not None
    queue.forget_client(7)
    queue.put_back(*interrupted)
    assert [take(queue), take(queue)] == [(3, 8), None]


@given(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=60))
def test_nobody_waits_for_more_than_one_turn_of_each_other(asked: list[int]) -> None:
    """Whoever asks again and again, a channel that has asked once is served after at most one picture of each other."""
    queue, waiting = CommandQueue(), dict.fromkeys(range(3), 0)
    for number, channel in enumerate(asked):
        queue.put(ask(number, channel))
        queue.put(ask(number, (channel + 1) % 3))
        item = queue.take_request(lambda request: True)
        assert item is not None
        for other in waiting:
            is_waiting = other != item[0].channel and (0, other) in queue._requests
            waiting[other] = waiting[other] + 1 if is_waiting else 0
        assert max(waiting.values()) <= 2
