"""What commands print: progress on stderr, results on stdout, JSON that every reader takes."""

from __future__ import annotations

import io
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TextIO

from tqdm import tqdm

from engine.link.part_files import written_atomically

LINE_EVERY = 10.0  # seconds between two lines of progress where there is no terminal


class _Nowhere(io.StringIO):
    """Discards a progress bar."""

    def write(self, text: str) -> int:
        return len(text)


class Progress:
    """How far work has come, with how long the rest will take: a bar on a terminal; elsewhere, as in a pipe or a log,
    a line now and then and one at the end. To be used as a context manager, or closed."""

    def __init__(
        self, what: str, total: float, unit: str = "", done: float = 0.0, stream: TextIO | None = None
    ) -> None:
        """``unit``: of ``total``, and of ``done``, which was done before. ``stream``: stderr if none is named."""
        self.total = total
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._words = ""
        self._told_at = time.monotonic()
        self._told: float | None = None
        count = "{n:.0f}/{total:.0f}" + (f" {unit}" if unit else "")
        drawn = "{desc} {percentage:3.0f}%|{bar}| " if self._is_terminal else "{desc}: "
        self._bar = tqdm(
            total=total,
            initial=min(done, total),
            desc=what,
            bar_format=drawn + count + ", {elapsed}, ETA {remaining}{postfix}",
            file=self._stream if self._is_terminal else _Nowhere(),
            dynamic_ncols=True,
            mininterval=0.2,
        )

    @property
    def done(self) -> float:
        """As told last."""
        return float(self._bar.n)

    def tell(self, done: float, words: str = "") -> None:
        """So much of the total is done, all of it at most; ``words`` say more about where things stand."""
        if words != self._words:
            self._words = words
            self._bar.set_postfix_str(words, refresh=False)
        self._bar.update(min(done, self.total) - self._bar.n)
        if not self._is_terminal and time.monotonic() - self._told_at >= LINE_EVERY:
            self._print_line()

    def begin(self) -> None:
        """Say at once that there is work: with a line, where no bar shows it."""
        if not self._is_terminal:
            self._print_line()

    def _print_line(self) -> None:
        self._told_at, self._told = time.monotonic(), self._bar.n
        print(self._bar, file=self._stream, flush=True)

    def close(self) -> None:
        """The last word: no more is to come."""
        if not self._bar.disable and not self._is_terminal and self._told != self._bar.n:
            self._print_line()
        self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def loading_progress(what: str) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    """A callback (done, total) that tells of it, and a function that ends it."""
    opened: list[Progress] = []

    def update(done: int, total: int) -> None:
        if not opened:
            opened.append(Progress(what, total))
            opened[0].begin()
        opened[0].tell(done)

    def close() -> None:
        for progress in opened:
            progress.close()

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
