"""What commands print: progress bars on stderr, results on stdout, JSON that every reader takes."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engine.files import written_atomically


def counting_bar(what: str, total: int) -> Any:
    """A progress bar over ``total`` pieces with an ETA; also says where things are when stderr is no terminal."""
    return tqdm(total=total, desc=what, file=sys.stderr, dynamic_ncols=True, mininterval=0.2)


def loading_progress(what: str) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    """A callback (done, total) that draws a bar, and a function that ends it."""
    bars: list[Any] = []

    def update(done: int, total: int) -> None:
        if not bars:
            bars.append(counting_bar(what, total))
        bars[0].update(done - bars[0].n)

    def close() -> None:
        for bar in bars:
            bar.close()

    return update, close


def warn(sentence: str) -> None:
    """Tell the user something that isn't an error."""
    print(f"warning: {sentence}", file=sys.stderr)


def to_plain_json(values: Any) -> Any:
    """``values`` with NaN and infinity, which JSON doesn't know, as None."""
    if isinstance(values, Mapping):
        return {key: to_plain_json(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [to_plain_json(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def print_json(values: Any) -> None:
    """Print ``values`` as JSON on stdout."""
    print(json.dumps(to_plain_json(values), indent=1))


def write_json(path: Path, values: Any) -> None:
    """Write ``values`` as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as temporary:
        temporary.write_text(json.dumps(to_plain_json(values), indent=1) + "\n", encoding="utf-8")
