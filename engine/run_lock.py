"""One process at a time writes a run: two would remove each other's snapshots."""

from __future__ import annotations

import time
from pathlib import Path

from engine.link.file_lock import IN_USE, FileLock, FileTaken, hold_folder, is_taken
from engine.run_folder import RunWriteError

_POLL_SECONDS = 0.05
_ELSEWHERE = "wait until it has ended, or name another folder"


def lock_run(folder: Path, owner: str, patience: float = 0.0) -> FileLock:
    """Hold the run in ``folder``, which need not be there yet, until the lock is released or this process dies.

    The file that is held lies beside the folder, which can be renamed meanwhile. ``owner``: what this process does;
    ``patience``: seconds to wait for another. Raises RunWriteError that names it.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return hold_folder(folder.resolve(), owner)
        except FileTaken as error:
            if time.monotonic() >= deadline:
                raise RunWriteError(f"{folder}: in use by {error.owner}: {_ELSEWHERE}") from None
        except OSError as error:
            reason = "it is a file" if folder.is_file() else error.strerror or error
            words = f"the run can't be written ({reason}): make room, or name another folder"
            raise RunWriteError(f"{folder}: {words}") from error
        time.sleep(_POLL_SECONDS)


def refuse_blenders_folder(folder: Path) -> None:
    """Raise RunWriteError when a Blender works in the session folder that the run in ``folder`` belongs to."""
    parents = folder.resolve().parents
    for session in (*parents[:1], *parents[2:3]):  # SESSION/run, or SESSION/takes/NAME/run
        if is_taken(session / IN_USE):
            raise RunWriteError(f"{folder}: a Blender works in {session}: close the file there, or name another folder")
