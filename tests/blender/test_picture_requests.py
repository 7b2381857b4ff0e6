"""How often pictures are asked for that only follow training."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace

import pytest

Import = Callable[[str], ModuleType]


@pytest.fixture
def clock(addon: Import, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The time as ``preview.requests`` sees it, in which nothing was asked for yet."""
    requests = addon("preview.requests")
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(requests, "time", SimpleNamespace(monotonic=lambda: clock.now))
    requests._pending.clear()
    requests._next_at.clear()
    yield clock
    requests._pending.clear()
    requests._next_at.clear()


@pytest.fixture
def session() -> SimpleNamespace:
    """One that numbers what is asked of it."""
    numbers = itertools.count(1)
    return SimpleNamespace(frame_requests=SimpleNamespace(ask=lambda *_, **__: next(numbers)))


def test_training_has_twice_the_time_that_a_picture_took(
    addon: Import, clock: SimpleNamespace, session: SimpleNamespace
) -> None:
    requests = addon("preview.requests")
    channel, other = requests.Channel.CAMERA, requests.Channel.COMPARISON
    assert requests.is_next_due(channel)
    request = requests.ask(session, channel, None)
    clock.now += 2.0
    assert not requests.is_next_due(channel), "one is to come"
    requests._on_frame(session, SimpleNamespace(request=request))
    assert not requests.is_next_due(channel) and requests.is_next_due(other)
    clock.now += 3.9
    assert not requests.is_next_due(channel)
    clock.now += 0.2
    assert requests.is_next_due(channel)


def test_a_picture_of_a_moving_view_and_one_that_is_lost_hold_nothing_up(
    addon: Import, clock: SimpleNamespace, session: SimpleNamespace
) -> None:
    requests = addon("preview.requests")
    channel = requests.Channel.VIEWPORT
    request = requests.ask(session, channel, None, "moving")
    clock.now += 2.0
    requests._on_frame(session, SimpleNamespace(request=request))
    assert requests.is_next_due(channel)
    requests.ask(session, channel, None)
    clock.now += requests.PATIENCE
    assert requests.is_next_due(channel)
