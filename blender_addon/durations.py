"""Durations as text."""

from __future__ import annotations


def describe_seconds(seconds: float) -> str:
    """``7 s``, ``2 min 5 s``, ``1 h 2 min``."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600} h {total % 3600 // 60} min"


def describe_rest(seconds: float | None) -> str:
    """How much longer something takes, to be put behind how far it has come: ``, 7 s left``; "" while that can't be
    said."""
    return "" if seconds is None else f", {describe_seconds(seconds)} left"
