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


def _view(name: str) -> Any:
    from engine.link.geometry import Camera
    from engine.link.messages import AddView

    camera = Camera(np.eye(4), 4, 4, 4.0, 4.0, 2.0, 2.0)
    return AddView(name=name, split="train", camera=camera, color=np.zeros((4, 4, 4), np.float16))


def _take(uploads: Any) -> Any:
    """The oldest view that waits, once it is read."""
    deadline = time.monotonic() + 10.0
    while (view := uploads.next_waiting()) is None and time.monotonic() < deadline:
        time.sleep(0.001)
    return view


@pytest.fixture
def read_again() -> list[str]:
    """Names of the views that were read from disk, in order."""
    return []


@pytest.fixture
def put(addon: Import, read_again: list[str]) -> Callable[..., None]:
    def put(uploads: Any, name: str, in_memory: bool = True) -> None:
        def reload() -> Any:
            read_again.append(name)
            return _view(name)

        uploads.put(name, reload, _view(name) if in_memory else None)

    return put


def test_views_go_out_in_the_order_of_capture_and_only_once(
    addon: Import, put: Callable, read_again: list[str]
) -> None:
    uploads = addon("session.view_uploads").ViewUploadQueue()
    for name in "abc":
        put(uploads, name)
    sent = []
    while (view := uploads.next_waiting()) is not None:
        sent.append(view.name)
        uploads.mark(view.name, "sent")
    assert sent == ["a", "b", "c"]
    assert not read_again  # they were still in memory
    assert uploads.count("sent") == 3


def test_a_new_engine_gets_what_it_lacks_from_disk(addon: Import, put: Callable, read_again: list[str]) -> None:
    uploads = addon("session.view_uploads").ViewUploadQueue()
    for name in "abcd":
        put(uploads, name)
        uploads.mark(name, "sent")
    uploads.mark("a", "held")
    uploads.mark("d", "refused")
    uploads.start_over(held=["b"])
    assert list(uploads.names("waiting")) == ["a", "c"]
    assert list(uploads.names("held")) == ["b"]
    assert list(uploads.names("refused")) == ["d"]
    assert _take(uploads).name == "a"
    assert sorted(read_again) == ["a", "c"]  # some are read ahead


def test_pixels_stay_in_memory_up_to_the_bound_only(addon: Import, put: Callable, read_again: list[str]) -> None:
    from engine.link.codec import size_of

    uploads = addon("session.view_uploads").ViewUploadQueue(memory_bound=2 * size_of(_view("a")))
    for name in "abc":
        put(uploads, name)
    for name in "abc":
        assert _take(uploads).name == name
        uploads.mark(name, "sent")
    assert read_again == ["c"]


def test_reading_from_disk_keeps_nobody_waiting(addon: Import) -> None:
    uploads = addon("session.view_uploads").ViewUploadQueue()
    may_go_on = threading.Event()

    def reload() -> Any:
        assert may_go_on.wait(10.0)
        return _view("slow")

    uploads.put("slow", reload)
    assert uploads.next_waiting() is None
    may_go_on.set()
    assert _take(uploads).name == "slow"


def test_a_view_that_can_t_be_read_says_so_and_the_next_one_follows(addon: Import, put: Callable) -> None:
    uploads = addon("session.view_uploads").ViewUploadQueue()

    def reload() -> Any:
        raise OSError("gone")

    uploads.put("lost", reload)
    put(uploads, "next", in_memory=False)
    with pytest.raises(OSError, match="gone"):
        _take(uploads)
    uploads.mark("lost", "refused")
    assert _take(uploads).name == "next"


def test_a_view_captured_again_replaces_the_one_before(addon: Import, put: Callable) -> None:
    uploads = addon("session.view_uploads").ViewUploadQueue()
    put(uploads, "a")
    uploads.mark("a", "held")
    put(uploads, "a")
    assert list(uploads.names("waiting")) == ["a"]
    assert len(uploads) == 1


def test_words_about_views_that_were_never_offered_are_ignored(addon: Import) -> None:
    uploads = addon("session.view_uploads").ViewUploadQueue()
    uploads.mark("stranger", "held")
    assert len(uploads) == 0
    assert "stranger" not in uploads


def test_many_views_are_sent_over_several_calls(addon: Import, put: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    send_queue = addon("session.send_queue")
    monkeypatch.setattr(send_queue, "SEND_BUDGET", 0.05)
    uploads, sent = addon("session.view_uploads").ViewUploadQueue(), []

    class SlowLink:
        pending_bytes = 0

        def send(self, view: Any) -> None:
            time.sleep(0.06)
            sent.append(view.name)

    for name in "abc":
        put(uploads, name)
    waiting = send_queue.SendQueue(SlowLink(), uploads, lambda failure: None)
    for expected in ("a", "ab", "abc", "abc"):
        waiting.send(is_run_open=True)
        assert "".join(sent) == expected
