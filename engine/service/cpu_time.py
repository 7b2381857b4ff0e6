"""How much another process has worked, as the system counts it."""

from __future__ import annotations

import os
from pathlib import Path


def cpu_seconds_of(pid: int) -> float | None:
    """The CPU time that a process has used so far, of all its threads; None where the system doesn't tell."""
    try:
        # Behind the program's name, which may hold brackets and blanks, user and system time are the 12th and 13th.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
