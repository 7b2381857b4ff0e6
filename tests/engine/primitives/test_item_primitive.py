"""Primitives that keep their items as they are: what is held, and how it is scored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from engine.link.message_types import Tagged
from engine.primitives.base import NoDataError, Scores
from engine.primitives.config import TrainConfig
from engine.primitives.item_primitive import Item, ItemPrimitive


class NumberSpec(Tagged):
    kind: ClassVar[str] = "number"


class Number(ItemPrimitive[float]):
    """Learns nothing; an item's score is its value."""

    def step(self, step: int, progress: float | None) -> bool:
        return False

    def viewer(self) -> Any:
        return self

    def score(self, viewer: Any, item: Item[float]) -> dict[str, float]:
        return {"value": item.value} if item.value < 5.0 else {"value": item.value, "excess": item.value - 5.0}


@pytest.fixture
def number() -> Iterator[Number]:
    yield Number(NumberSpec(), TrainConfig(preset="cpu"), "cpu", [])


def test_it_is_ready_with_the_first_item_to_train_on_and_a_name_is_there_once(number: Number) -> None:
    number.add(Item("a", "test", 1.0))
    assert not number.is_ready
    number.add(Item("b", "train", 2.0))
    number.add(Item("a", "test", 3.0))
    assert number.is_ready and number.items == {"a": "test", "b": "train"}
    assert [item.value for item in number.held("test")] == [3.0]


def test_each_item_is_a_piece_and_the_means_are_of_those_that_have_a_figure(number: Number) -> None:
    for value in range(8):
        number.add(Item(f"item_{value}", "test", float(value)))
    *pieces, scores = number.evaluate(number, 4)
    assert pieces == [1, 2, 3, 4] and isinstance(scores, Scores)
    assert list(scores.items) == ["item_0", "item_2", "item_4", "item_6"]
    assert scores.means == {"value": 3.0, "excess": 1.0}
    *_, scores = number.evaluate(number)
    assert isinstance(scores, Scores) and len(scores.items) == 8


def test_nothing_to_score_is_told(number: Number) -> None:
    number.add(Item("a", "train", 1.0))
    with pytest.raises(NoDataError, match="nothing to score"):
        list(number.evaluate(number))
    with pytest.raises(NoDataError):
        list(number.evaluate(number, 0))


def test_a_scratch_copy_takes_nothing_from_it(number: Number) -> None:
    number.scratch().add(Item("a", "train", 1.0))
    assert not number.items
