"""What makes a folder a run: kept apart from ``engine.runs`` so that asking costs no import of torch."""

from __future__ import annotations

from pathlib import Path

RUN_FILE = "run.json"


def is_run(folder: Path) -> bool:
    """Whether ``folder`` holds a run (sound or not)."""
    return (folder / RUN_FILE).exists()
