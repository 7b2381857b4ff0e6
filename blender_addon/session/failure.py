"""What went wrong, as panels show it."""

from __future__ import annotations

from dataclasses import dataclass

BUSY = "busy"  # the ``code`` of an engine that has another client
OUT_OF_MEMORY = "out of memory"  # the ``code`` of an engine that needs more than there is


@dataclass(frozen=True)
class Failure:
    """What went wrong, and what to do about it: texts for the user."""

    message: str
    hint: str = ""
    code: str = ""
    regarding: str = ""
