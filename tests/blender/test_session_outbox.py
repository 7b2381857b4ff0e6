"""Which views wait, which were sent, which the engine holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

Import = Callable[[str], ModuleType]

VIEW_BYTES = 4 * 4 * 4 * 2


def _view(name: str) -> Any:
    from engine.link.geometry import Camera
    from engine.link.messages import AddView

    camera = Camera(np.eye(4), 4, 4, 4.0, 4.0, 2.0, 2.0)
    return AddView(name=name, split="train", camera=camera, color=np.zeros((4, 4, 4), np.float16))


def _take(outbox: Any) -> Any:
    """The oldest view that waits, once it is read."""
    deadline = time.monotonic() + 10.0
    while (view := outbox.next_waiting()) is None and time.monotonic() < deadline:
        time.sleep(0.001)
    return view


@pytest.fixture
def read_again() -> list[str]:
    """Names of the views that were read from disk, in order."""
    return []


@pytest.fixture
def put(addon: Import, read_again: list[str]) -> Callable[..., None]:
    def put(outbox: Any, name: str, in_memory: bool = True) -> None:
        def reload() -> Any:
            read_again.append(name)
            return _view(name)

        outbox.put(name, reload, _view(name) if in_memory else None)

    return put


def test_views_go_out_in_the_order_of_capture_and_only_once(
    addon: Import, put: Callable, read_again: list[str]
) -> None:
    outbox = addon("session.outbox").ViewOutbox()
    for name in "abc":
        put(outbox, name)
    sent = []
    while (view := outbox.next_waiting()) is not None:
        sent.append(view.name)
        outbox.mark(view.name, "sent")
    assert sent == ["a", "b", "c"]
    assert not read_again  # they were still in memory
    assert outbox.count("sent") == 3


def test_a_new_engine_gets_what_it_lacks_from_disk(addon: Import, put: Callable, read_again: list[str]) -> None:
    outbox = addon("session.outbox").ViewOutbox()
    for name in "abcd":
        put(outbox, name)
        outbox.mark(name, "sent")
    outbox.mark("a", "held")
    outbox.mark("d", "refused")
    outbox.start_over(held=["b"])
    assert list(outbox.names("waiting")) == ["a", "c"]
    assert list(outbox.names("held")) == ["b"]
    assert list(outbox.names("refused")) == ["d"]
    assert _take(outbox).name == "a"
    assert sorted(read_again) == ["a", "c"]  # some are read ahead


def test_pixels_stay_in_memory_up_to_the_bound_only(addon: Import, put: Callable, read_again: list[str]) -> None:
    outbox = addon("session.outbox").ViewOutbox(memory_bound=2 * VIEW_BYTES)
    for name in "abc":
        put(outbox, name)
    for name in "abc":
        assert _take(outbox).name == name
        outbox.mark(name, "sent")
    assert read_again == ["c"]


def test_reading_from_disk_keeps_nobody_waiting(addon: Import) -> None:
    outbox = addon("session.outbox").ViewOutbox()
    may_go_on = threading.Event()

    def reload() -> Any:
        assert may_go_on.wait(10.0)
        return _view("slow")

    outbox.put("slow", reload)
    assert outbox.next_waiting() is None
    may_go_on.set()
    assert _take(outbox).name == "slow"


def test_a_view_that_can_t_be_read_says_so_and_the_next_one_follows(addon: Import, put: Callable) -> None:
    outbox = addon("session.outbox").ViewOutbox()

    def reload() -> Any:
        raise OSError("gone")

    outbox.put("lost", reload)
    put(outbox, "next", in_memory=False)
    with pytest.raises(OSError, match="gone"):
        _take(outbox)
    outbox.mark("lost", "refused")
    assert _take(outbox).name == "next"


def test_a_view_captured_again_replaces_the_one_before(addon: Import, put: Callable) -> None:
    outbox = addon("session.outbox").ViewOutbox()
    put(outbox, "a")
    outbox.mark("a", "held")
    put(outbox, "a")
    assert list(outbox.names("waiting")) == ["a"]
    assert len(outbox) == 1


def test_words_about_views_that_were_never_offered_are_ignored(addon: Import) -> None:
    outbox = addon("session.outbox").ViewOutbox()
    outbox.mark("stranger", "held")
    assert len(outbox) == 0
    assert "stranger" not in outbox


def test_many_views_are_sent_over_several_calls(addon: Import, put: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    outgoing = addon("session.outgoing")
    monkeypatch.setattr(outgoing, "SEND_BUDGET", 0.05)
    outbox, sent = addon("session.outbox").ViewOutbox(), []

    class SlowLink:
        pending_bytes = 0

        def send(self, view: Any) -> None:
            time.sleep(0.06)
            sent.append(view.name)

    for name in "abc":
        put(outbox, name)
    waiting = outgoing.Outgoing(SlowLink(), outbox, lambda trouble: None)
    for expected in ("a", "ab", "abc", "abc"):
        waiting.send(is_run_open=True)
        assert "".join(sent) == expected
