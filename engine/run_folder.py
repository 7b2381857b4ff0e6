"""What makes a folder a run: kept apart from ``engine.runs`` so that asking costs no import of torch."""

from __future__ import annotations

from pathlib import Path

from engine.link.json_files import read_json

RUN_FILE = "run.json"
MOST_RUN_BYTES = 256 << 20  # older versions kept all scores in it


class RunError(Exception):
    """A run folder that can't be read or written; the message names the file and the fault."""


class RunWriteError(RunError):
    """A run that can't be written; the message names the folder, the reason and what to do."""


def is_run(folder: Path) -> bool:
    """Whether ``folder`` holds a run (sound or not)."""
    return (folder / RUN_FILE).exists()


def named_snapshot(folder: Path) -> str | None:
    """The file name of the snapshot that belongs to the run in ``folder``, which no other run has; None where there is
    no run, or one that is no good."""
    try:
        name = read_json(folder / RUN_FILE, MOST_RUN_BYTES)["snapshot"]["file"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None
