"""The pump leaves Blender's window its time: what takes long is spread over several pumps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

Import = Callable[[str], ModuleType]


@pytest.fixture
def registry(addon: Import) -> Iterator[ModuleType]:
    """The registry, without anything to poll before and after."""
    module = addon("session.registry")
    module._pollers.clear()
    yield module
    module._pollers.clear()


def _poller(registry: ModuleType, called: list[str], name: str, seconds: float, times: int) -> Callable[[], bool]:
    def poll() -> bool:
        called.append(name)
        time.sleep(seconds)
        return called.count(name) < times

    return poll


def test_heavy_pollers_take_turns(registry: ModuleType) -> None:
    called: list[str] = []
    heavy = 2.0 * registry.PUMP_BUDGET
    for name in "ab":
        registry.poll_while(_poller(registry, called, name, heavy, times=2))
    for expected in ("a", "ab", "aba", "abab"):
        registry.pump()
        assert "".join(called) == expected
    registry.pump()
    assert "".join(called) == "abab"


def test_light_pollers_are_all_called_by_each_pump(registry: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PUMP_BUDGET", 10.0)  # however busy this machine is
    called: list[str] = []
    for name in "abc":
        registry.poll_while(_poller(registry, called, name, 0.0, times=2))
    registry.pump()
    registry.pump()
    assert sorted(called) == list("aabbcc")


def test_a_poller_that_ends_may_have_another_follow(registry: ModuleType) -> None:
    called: list[str] = []

    def first() -> bool:
        registry.poll_while(_poller(registry, called, "second", 0.0, times=1))
        return False

    registry.poll_while(first)
    assert registry.pump()
    registry.pump()
    assert called == ["second"]
