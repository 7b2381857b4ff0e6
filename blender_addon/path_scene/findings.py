"""What a path-traced preview doesn't show as Cycles does, gathered to be told at once."""

from __future__ import annotations

_MOST_NAMES = 3


class Findings:
    """Things that can't be followed, each with the names of what has it."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, what: str, name: str) -> None:
        """``name`` has something that isn't followed."""
        names = self._names.setdefault(what, [])
        if name not in names:
            names.append(name)

    def text(self) -> str:
        """One warning for all of them; empty where there are none."""
        parts = []
        for what, names in self._names.items():
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            parts.append(f"{what} ({', '.join(names[:_MOST_NAMES])}{more})")
        return f"The path tracer doesn't follow: {'; '.join(parts)}" if parts else ""
