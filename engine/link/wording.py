"""Words that agree with numbers, in what both programs tell users."""

from __future__ import annotations


def counted(count: int, one: str, several: str = "") -> str:
    """``count`` with words that agree with it: "1 view isn't", "2 views aren't"; ``several``: if not ``one`` and an
    s."""
    return f"{count} {one if count == 1 else several or f'{one}s'}"


def counted_views(training: int, test: int) -> str:
    """How many views there are to train on and to score by: "3 training and 1 test view"."""
    return f"{training} training and {counted(test, 'test view')}"
