"""What the demo's driver says, and how it is told to stop."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

from engine.cli.output import Progress


class Console:
    """The terminal, kept apart from what Blender prints: that goes to a log file from the start on."""

    def __init__(self, log: Path) -> None:
        self._stream: TextIO = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")
        sys.stdout.flush()
        sys.stderr.flush()
        with log.open("ab") as file:
            os.dup2(file.fileno(), sys.stdout.fileno())
            os.dup2(file.fileno(), sys.stderr.fileno())

    def say(self, text: str) -> None:
        """Print one line."""
        print(text, file=self._stream, flush=True)

    def bar(self, what: str, total: float, unit: str, done: float = 0.0) -> Progress:
        """How far work has come, of which ``done`` was done before; use it as a context manager."""
        return Progress(what, total, unit, done, self._stream)

    @contextmanager
    def stage(self, what: str) -> Iterator[None]:
        """Say what is being done, and how long it took."""
        began = time.monotonic()
        print(f"{what} ...", end="", file=self._stream, flush=True)
        try:
            yield
        except BaseException:
            print(" failed", file=self._stream, flush=True)
            raise
        print(f" {time.monotonic() - began:.1f} s", file=self._stream, flush=True)


class StopRequest:
    """Ctrl-C, or the end of standard input, remembered until it is safe to stop.

    A KeyboardInterrupt that strikes inside Cycles is swallowed there, so signals only leave a note, which ``check``
    turns into the exception between two views.
    """

    def __init__(self, stop_with_stdin: bool) -> None:
        self._asked = threading.Event()
        signal.signal(signal.SIGINT, self._note)
        signal.signal(signal.SIGTERM, self._note)
        if stop_with_stdin:
            threading.Thread(target=self._watch_stdin, name="stop-with-stdin", daemon=True).start()

    def check(self) -> None:
        """Raise KeyboardInterrupt if the demo was asked to stop."""
        if self._asked.is_set():
            raise KeyboardInterrupt

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self._asked.set()

    def _watch_stdin(self) -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        self._asked.set()
