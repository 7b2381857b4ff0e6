"""How far a command of several stages has come: bars for people, JSON lines for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from engine.cli.output import Progress

Tell = Callable[[str, int, int], None]
_TELL_EVERY = 0.2  # seconds between two lines of progress for programs


def stage_progress(as_json: bool, things: str = "views") -> tuple[Tell, Callable[[], None]]:
    """A callback (stage, done, total) that tells of it, and a function that ends it. ``things``: what is handled."""
    return _json_lines() if as_json else _bars(things)


def print_line(values: dict[str, Any]) -> None:
    """Print a line of JSON, at once."""
    print(json.dumps(values), flush=True)


def _bars(things: str) -> tuple[Tell, Callable[[], None]]:
    """A bar for each stage."""
    bars: dict[str, Progress] = {}

    def tell(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            bars[stage] = Progress(f"{stage} {things}", total)
        bars[stage].tell(done)
        if done == total:
            bars[stage].close()

    def close() -> None:
        for bar in bars.values():
            bar.close()

    return tell, close


def _json_lines() -> tuple[Tell, Callable[[], None]]:
    """Now and then a line with ``stage``, ``done`` and ``total``."""
    told_at = 0.0

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal told_at
        if done == total or time.monotonic() - told_at >= _TELL_EVERY:
            told_at = time.monotonic()
            print_line({"stage": stage, "done": done, "total": total})

    return tell, lambda: None
