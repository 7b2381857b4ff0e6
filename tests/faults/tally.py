"""What the attacks of a test session did, and what was lost by them: printed when it ends."""

from __future__ import annotations

import collections
import json
from pathlib import Path


class Tally:
    """Counts by name ("kills", "mutated messages", "simulated hours", ...), with what each kind of attack lost."""

    def __init__(self) -> None:
        self._counts: collections.Counter[str] = collections.Counter()
        self._lost: collections.Counter[str] = collections.Counter()

    def add(self, what: str, count: int = 1, *, lost: int = 0) -> None:
        """``count`` more of ``what`` were done, and ``lost`` of them were not answered or took something with them.
        Call it before the assertion, so that what a failing test lost is printed too."""
        self._counts[what] += count
        self._lost[what] += lost

    def write(self, path: Path) -> None:
        """Keep the counts, for ``read``."""
        path.write_text(json.dumps([self._counts, self._lost]), encoding="utf-8")

    def read(self, path: Path) -> None:
        """Add what another test session counted; nothing if it came to no end."""
        if path.exists():
            counts, lost = json.loads(path.read_text(encoding="utf-8"))
            self._counts.update(counts)
            self._lost.update(lost)

    def lines(self) -> list[str]:
        """One line for each kind of attack."""
        return [
            f"{what}: {count:,}, lost: {format(self._lost[what], ',') if self._lost[what] else 'nothing'}"
            for what, count in sorted(self._counts.items())
        ]
