"""A few of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def choose_evenly(items: Sequence[T], most: int | None) -> list[T]:
    """At most ``most`` of ``items``, spread evenly over them, in order; None: all."""
    if most is None or most >= len(items):
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]
