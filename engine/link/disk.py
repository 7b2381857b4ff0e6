"""Files on disk as each system wants them: renamed, and kept over a loss of power."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from pathlib import Path

# Windows refuses to rename onto a file that another program has open, as virus scanners have for a moment.
_BUSY = {5, 32, 33}  # its numbers for access denied, sharing and lock violations
_BUSY_SECONDS = 3.0


def replace_file(source: Path, target: Path) -> None:
    """Rename ``source`` to ``target``, whatever is there. Raises OSError."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            source.replace(target)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def set_aside(path: Path) -> Path:
    """Rename a file or folder, for another is to take its place: "run" becomes "run-former-1" beside it, or the first
    number that is free. Returns where it is now. Raises OSError, and then it is where it was."""
    for number in itertools.count(1):
        aside = path.with_name(f"{path.name}-former-{number}")
        if not aside.exists():
            break
    return path.rename(aside)


def sync_file(path: Path) -> None:
    """See that a file's contents are on the disk and outlast a loss of power."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """See that the names in ``folder`` outlast a loss of power, where the system knows how."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # not every file system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_all(folder: Path) -> None:
    """See that a folder outlasts a loss of power, with all that is in it."""
    for where, _, files in os.walk(folder):
        for name in files:
            sync_file(Path(where, name))
        sync_folder(Path(where))
