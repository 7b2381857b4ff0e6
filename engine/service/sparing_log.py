"""A log that a flood of the same event doesn't fill."""

from __future__ import annotations

import logging
import time

_LOG_SECONDS = 5.0


class SparingLog:
    """Warns of one kind of event: of very many only how many they were."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told_at, self._untold = -_LOG_SECONDS, 0

    def warn(self, words: str) -> None:
        """Log that it happened, unless that was told less than five seconds ago."""
        now = time.monotonic()
        if now - self._told_at < _LOG_SECONDS:
            self._untold += 1
            return
        self._log.warning("%s%s", words, f" (and {self._untold} before it)" if self._untold else "")
        self._told_at, self._untold = now, 0
