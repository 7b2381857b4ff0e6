"""Private folders in the system's temporary one. What a killed process left there goes when the next one is made."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from pathlib import Path

from engine.link.file_lock import IN_USE, FileLock, is_held, is_taken

_NAME = re.compile(r"hashlight-(ring|engine|capture|table)-[a-z0-9_]{8}")


class TemporaryFolder:
    """A folder of this process alone, mode 0700; ``close`` deletes it with all that is in it."""

    def __init__(self, kind: str) -> None:
        """``kind``: one of those in _NAME. Raises OSError."""
        remove_abandoned()
        self.path = Path(tempfile.mkdtemp(prefix=f"hashlight-{kind}-"))
        assert _NAME.fullmatch(self.path.name)
        lock = FileLock(self.path / IN_USE, "Hashlight")
        self._remove = weakref.finalize(self, _remove, self.path, lock)  # at the process's end at the latest

    def close(self) -> None:
        """Delete it; once is enough."""
        self._remove()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()


def remove_abandoned() -> None:
    """Delete such folders of processes that have ended without doing so. One without the file that its owner holds is
    not known to be ours, and stays."""
    for folder in Path(tempfile.gettempdir()).glob("hashlight-*"):
        if not _NAME.fullmatch(folder.name) or folder.is_symlink():
            continue
        mark = folder / IN_USE
        if mark.is_file() and not is_held(mark) and not is_taken(mark):
            shutil.rmtree(folder, ignore_errors=True)


def _remove(folder: Path, lock: FileLock) -> None:
    lock.release()
    shutil.rmtree(folder, ignore_errors=True)
