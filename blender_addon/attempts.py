"""What operators have in common that hand work to something which may refuse it with a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class _Reports(Protocol):
    """An operator."""

    def report(self, kind: set[str], message: str) -> None:
        """Tell the user."""


class Attempts:
    """For operators: ``attempt`` does their work."""

    def attempt(self: _Reports, work: Callable[[], object]) -> set[str]:
        """Do ``work``; a ValueError is reported as what it says. Returns what ``execute`` is to return."""
        try:
            work()
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}
