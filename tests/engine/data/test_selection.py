"""A few of many, spread evenly."""

from __future__ import annotations

import pytest

from engine.data.selection import choose_evenly


@pytest.mark.parametrize(
    ("most", "chosen"), [(4, [0, 2, 5, 7]), (1, [0]), (0, []), (10, range(10)), (99, range(10)), (None, range(10))]
)
def test_they_are_spread_evenly_and_in_order(most: int | None, chosen: list[int]) -> None:
    assert choose_evenly(range(10), most) == list(chosen)


def test_of_none_there_are_none() -> None:
    assert choose_evenly([], 3) == []
