"""What the commands print: progress on stderr, so that results on stdout can be read by programs."""

from __future__ import annotations

import sys
import time

_LINE_EVERY = 5.0  # seconds between two lines in a log, where a line can't be overwritten
_REFRESH_EVERY = 0.2


class Console:
    """A line of progress that is overwritten in a terminal, and repeated now and then in a log."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._shown = ""
        self._shown_at = 0.0

    def progress(self, words: str, is_last: bool = False) -> None:
        """Show how things stand; ``is_last`` ends the line."""
        now = time.monotonic()
        is_due = now - self._shown_at >= (_REFRESH_EVERY if self._is_terminal else _LINE_EVERY)
        if self._quiet or words == self._shown or not (is_due or is_last):
            return
        if self._is_terminal:
            print(f"\r{words:<{len(self._shown)}}", end="\n" if is_last else "", file=sys.stderr, flush=True)
        else:
            print(words, file=sys.stderr, flush=True)
        self._shown, self._shown_at = "" if is_last else words, now

    def warn(self, words: str) -> None:
        """Tell of something that does not stop the command."""
        self._end_line()
        print(f"hashlight: warning: {words}", file=sys.stderr, flush=True)

    def fail(self, words: str) -> None:
        """Tell why the command ends."""
        self._end_line()
        print(f"hashlight: {words}", file=sys.stderr, flush=True)

    def result(self, words: str) -> None:
        """Print a result."""
        self._end_line()
        print(words, flush=True)

    def _end_line(self) -> None:
        if self._is_terminal and self._shown:
            print(file=sys.stderr, flush=True)
        self._shown = ""
