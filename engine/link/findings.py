"""What ``hashlight doctor`` finds, as it prints it with ``--json`` and as the add-on reads it."""

from __future__ import annotations

import dataclasses
from typing import Literal

Grade = Literal["ok", "warn", "fail"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it stands, and what to do where it doesn't."""

    name: str
    grade: Grade
    detail: str
    advice: str = ""
