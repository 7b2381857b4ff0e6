"""One Blender at a time works in a session folder: two would overwrite each other's captures and runs. No ``bpy``."""

from __future__ import annotations

import errno
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

FILE_NAME = ".in-use"

_IS_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


class FolderError(ValueError):
    """The session folder can't be used; the message is for the user and names it."""


@dataclass
class _Held:
    file: IO[bytes]
    count: int = 0


_held: dict[Path, _Held] = {}
_guard = threading.Lock()


class FolderLock:
    """Holds ``folder``, which is made if need be, until ``release``.

    Several parts of this Blender may hold it at the same time. The system lets go of it when Blender dies.
    """

    def __init__(self, folder: Path) -> None:
        """Raises FolderError when the folder can't be written, or another Blender works in it."""
        self._folder: Path | None = folder
        with _guard:
            if folder not in _held:
                _held[folder] = _Held(_take(folder))
            _held[folder].count += 1

    def release(self) -> None:
        """Let go of the folder; once is enough."""
        with _guard:
            folder, self._folder = self._folder, None
            if folder is None:
                return
            held = _held[folder]
            held.count -= 1
            if held.count == 0:
                held.file.close()
                del _held[folder]


def is_held(folder: Path) -> bool:
    """Whether anything in this Blender works in ``folder`` now."""
    return folder in _held


def _take(folder: Path) -> IO[bytes]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / FILE_NAME).open("ab")
    except OSError as error:
        raise FolderError(
            f"{folder}: can't be written ({error.strerror or error}): choose another in Capture > Output > Folder"
        ) from None
    try:
        _lock(file)
    except OSError as error:
        if error.errno in _IS_TAKEN:
            file.close()
            raise FolderError(
                f"{folder}: another Blender works there: close the file there, or choose another folder in "
                "Capture > Output > Folder"
            ) from None
        # Some network drives know no locks: better to go on without one.
    return file


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(0, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
