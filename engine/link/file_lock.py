"""Files that one process at a time holds: the system lets go of them when that process dies, however it dies."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

IN_USE = ".in-use"  # the usual name of such a file, in the folder that it stands for

_IS_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
# Windows locks bytes, which no other handle can then read or write: so one that no file reaches, though it has a name.
_LOCKED_BYTE = 1 << 43
_OWNER_BYTES = 300


class FileTaken(Exception):
    """Another process holds the file; ``owner`` says which, as far as it is known."""

    def __init__(self, path: Path, owner: str) -> None:
        super().__init__(f"{path}: held by {owner}")
        self.owner = owner


@dataclass
class _Held:
    file: IO[bytes]
    count: int = 0


_held: dict[Path, _Held] = {}
_guard = threading.Lock()


class FileLock:
    """Holds the file ``path``, which is made if need be, until ``release``.

    Several parts of one process may hold it at the same time. ``owner``: what the process does, for those it keeps out.
    """

    def __init__(self, path: Path, owner: str, keep: bool = False) -> None:
        """``keep``: leave the file there when it is let go of. Raises FileTaken when another process holds it, OSError
        when it can't be written."""
        path = path.absolute()
        self._path: Path | None = path
        self._keep = keep
        with _guard:
            if path not in _held:
                _held[path] = _Held(_take(path, f"{owner} (process {os.getpid()} on {socket.gethostname()})"))
            _held[path].count += 1

    def release(self) -> None:
        """Let go of the file; once is enough."""
        with _guard:
            path, self._path = self._path, None
            if path is None:
                return
            held = _held[path]
            held.count -= 1
            if held.count:
                return
            del _held[path]
            if not self._keep and sys.platform != "win32":  # while it is held, so that another's isn't taken away
                _unlink(path)
            held.file.close()
            if not self._keep and sys.platform == "win32":  # where nothing that anybody has open can be deleted
                _unlink(path)


def is_held(path: Path) -> bool:
    """Whether a part of this process holds the file."""
    return path.absolute() in _held


def is_any_held(folder: Path) -> bool:
    """Whether a part of this process holds any file in ``folder`` or below."""
    folder = folder.absolute()
    with _guard:
        return any(path.is_relative_to(folder) for path in _held)


def is_taken(path: Path) -> bool:
    """Whether another process holds the file. It is left as it is."""
    if is_held(path):
        return False
    try:
        with path.open("r+b") as file:
            return not lock_file(file)
    except OSError:
        return False


def beside(folder: Path) -> Path:
    """The file that stands for ``folder`` and lies beside it, for the folder can be renamed while the file is held."""
    return folder.with_name(f".{folder.name}{IN_USE}")


def hold_folder(folder: Path, owner: str) -> FileLock:
    """Hold ``folder``, which need not be there yet, by the file beside it; where none can be written there, by the one
    in it: a folder of one's own in another user's, a mounted disk, say. Raises FileTaken, OSError."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(beside(folder), owner)
    except OSError:
        if not folder.is_dir():
            raise
    return FileLock(folder / IN_USE, owner)


def user_of(folder: Path) -> str:
    """Which other process holds ``folder``, by the file in it or beside it, for messages; "" when none does."""
    return next((owner_of(path) for path in (beside(folder), folder / IN_USE) if is_taken(path)), "")


def owner_of(path: Path) -> str:
    """Who holds or held the file, for messages."""
    try:
        with path.open("rb") as file:
            words = file.read(_OWNER_BYTES).decode("utf-8", "replace")
    except OSError:
        words = ""
    words = " ".join(words.split())
    return words if words.isprintable() and words else "another process"


def lock_file(file: IO[bytes]) -> bool:
    """Lock an open, writable file until it is closed; returns whether this could be done, as no other process has
    locked it. Some network drives know no locks: there everybody can. The file stays at its position."""
    try:
        if sys.platform == "win32":
            import msvcrt

            position = file.tell()
            file.seek(_LOCKED_BYTE)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            finally:
                file.seek(position)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _IS_TAKEN
    return True


def _take(path: Path, owner: str) -> IO[bytes]:
    while True:
        file = path.open("a+b")
        if not lock_file(file):
            file.close()
            raise FileTaken(path, owner_of(path))
        if _is_still(file, path):
            break
        file.close()  # whoever held it has deleted it since it was opened
    with contextlib.suppress(OSError):  # a full disk: it is held all the same
        file.truncate(0)
        file.write(owner.encode())
        file.flush()
    return file


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _is_still(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False
