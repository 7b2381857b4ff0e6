"""How much of the planned training time is used up while a capture goes on."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

Import = Callable[[str], ModuleType]


@pytest.fixture
def time(addon: Import) -> Any:
    return addon("training.planned_time").PlannedTime()


def test_without_a_capture_all_training_counts_and_a_second_time_is_as_long(time: Any) -> None:
    assert time.budget(90.0, 0.0, is_finished=False) == 90.0
    assert time.budget(90.0, 40.0, is_finished=False) == 90.0
    assert time.budget(90.0, 91.0, is_finished=False) == 181.0
    assert time.budget(90.0, 30.0, is_finished=True) == 120.0  # fewer seconds were planned before
    assert time.budget(0.0, 30.0, is_finished=False) is None
    assert time.since == time.awaited_views == 0


def test_time_counts_from_when_half_of_the_views_are_there(time: Any) -> None:
    time.begin_capture(5)
    assert time.awaited_views == 3
    for spent in (10.0, 25.0):
        time.note_view(90.0, spent)
        assert time.budget(90.0, spent, is_finished=False) is None
    time.note_view(90.0, 40.0)
    assert time.awaited_views == 0
    assert (time.budget(90.0, 40.0, is_finished=False), time.since) == (130.0, 40.0)
    assert (time.budget(90.0, 60.0, is_finished=False), time.since) == (130.0, 40.0)
    time.end_capture(90.0, 70.0)
    assert (time.budget(90.0, 80.0, is_finished=False), time.since) == (130.0, 40.0)


@pytest.mark.parametrize("is_finished", [False, True])
def test_half_of_the_time_is_left_for_when_all_views_are_there(time: Any, is_finished: bool) -> None:
    time.begin_capture(2)
    time.note_view(90.0, 0.0)
    time.note_view(90.0, 90.0)
    assert (time.budget(90.0, 90.0, is_finished), time.since) == (135.0, 45.0)
    time.end_capture(90.0, 135.0)
    assert (time.budget(90.0, 135.0, is_finished=False), time.since) == (180.0, 90.0)


def test_a_capture_stopped_early_leaves_all_of_the_time(time: Any) -> None:
    time.begin_capture(10)
    time.note_view(90.0, 5.0)
    time.end_capture(90.0, 50.0)
    assert time.awaited_views == 0
    assert (time.budget(90.0, 50.0, is_finished=False), time.since) == (140.0, 50.0)
