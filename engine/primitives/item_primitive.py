"""A primitive that keeps the items it is given as they are, and scores one after the other."""

from __future__ import annotations

import abc
import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar

import numpy as np

from engine.data.selection import choose_evenly
from engine.link.message_types import Split, Tagged
from engine.optimizers.parameters import ParameterGroup
from engine.primitives.base import NoDataError, Primitive, Scores
from engine.primitives.config import TrainConfig

V = TypeVar("V")


@dataclasses.dataclass(frozen=True, eq=False)
class Item(Generic[V]):
    """A ``value`` to learn from or to be scored by, as its kind reads it."""

    name: str
    split: Split
    value: V


class ItemPrimitive(Primitive, Generic[V]):
    """What is left for a kind to say: what its viewer is, ``step`` and ``score``."""

    def __init__(self, spec: Tagged, config: TrainConfig, device: str, groups: Sequence[ParameterGroup]) -> None:
        """``groups``: what the optimiser is to move."""
        self.spec, self.config, self.device = spec, config, device
        self._groups = list(groups)
        self._items: dict[str, Item[V]] = {}

    def parameters(self) -> list[ParameterGroup]:
        """See Primitive."""
        return self._groups

    def add(self, item: Item[V]) -> None:
        """See Primitive."""
        self._items[item.name] = item

    def held(self, split: Split) -> list[Item[V]]:
        """The items to train on, or those to score by."""
        return [item for item in self._items.values() if item.split == split]

    @property
    def items(self) -> Mapping[str, Split]:
        """See Primitive."""
        return {name: item.split for name, item in self._items.items()}

    @property
    def is_ready(self) -> bool:
        """See Primitive."""
        return any(item.split == "train" for item in self._items.values())

    def scratch(self) -> Self:
        """A copy, with the items that there are: none before the first is added, when kernels are warmed up."""
        return copy.deepcopy(self)

    @abc.abstractmethod
    def score(self, viewer: Any, item: Item[V]) -> dict[str, float]:
        """The figures of one held-out item, by name."""

    def score_in_pieces(self, viewer: Any, item: Item[V]) -> Iterator[dict[str, float] | None]:
        """The same as the last, and None after each short piece of work before, where it is too long for one."""
        yield self.score(viewer, item)

    def evaluate(self, viewer: Any, most: int | None = None) -> Iterator[int | Scores]:
        """See Primitive. The means are over all that have a figure."""
        scores = dict[str, dict[str, float]]()
        for item in choose_evenly(self.held("test"), most):
            for figures in self.score_in_pieces(viewer, item):
                if figures is not None:
                    scores[item.name] = figures
                yield len(scores)
        if not scores:
            raise NoDataError("there is nothing to score")
        names = dict.fromkeys(name for figures in scores.values() for name in figures)
        known = {name: [figures[name] for figures in scores.values() if name in figures] for name in names}
        yield Scores({name: float(np.mean(values)) for name, values in known.items()}, scores)
