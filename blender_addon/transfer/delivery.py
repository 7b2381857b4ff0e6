"""Bringing files to a folder in the background. No ``bpy``: whoever starts a delivery polls it.

Every file appears whole or not at all, bears the time at which it was written, and is left alone where it is already
there with that time and size; so an interrupted delivery goes on when it is started again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.link.disk import replace_file
from engine.link.file_lock import lock_file
from engine.link.messages import JobState
from engine.link.part_files import part_of, remove_leftovers

from ..background import Task, describe_failure

_COPIED_AT_ONCE = 1 << 20  # bytes
_SAME_TIME = 10_000_000  # nanoseconds: not every file system keeps a time as it was set


class Delivery(ABC):
    """Work that a thread does: ``done`` of ``total`` files are there, ``error`` is a message why it failed."""

    def __init__(self, targets: Iterable[Path]) -> None:
        """``targets``: where the files are to be."""
        targets = list(targets)
        self.total = len(targets)
        self._folders = {target.parent for target in targets}
        self.done = 0
        self.state: JobState = "running"
        self.error = ""
        self._stop = threading.Event()
        self._task: Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = Task(self._work, "hashlight-delivery")

    def cancel(self) -> None:
        """Give up; files that are whole stay."""
        self._stop.set()

    def poll(self) -> bool:
        """Note how it stands, without waiting; returns whether it goes on."""
        if self.state == "running" and self._task is not None and not self._task.is_running:
            if self._task.error is not None:
                self.error = describe_failure(self._task.error)
            self.state = "failed" if self.error else "done" if self.done == self.total else "cancelled"
        return self.state == "running"

    def _work(self) -> None:
        for folder in self._folders:
            remove_leftovers(folder)
        self._deliver()

    @abstractmethod
    def _deliver(self) -> None:
        """Deliver everything, looking at ``_stop`` now and then. Raises OSError."""


class Copying(Delivery):
    """Files that this computer can read: each given as where it is and where it is to be.

    Where both are on one drive, the file is in two folders and on the drive once: its writer replaces files and never
    changes them. Elsewhere it is copied.
    """

    def __init__(self, files: Sequence[tuple[Path, Path]]) -> None:
        super().__init__(target for _, target in files)
        self._files = files

    def _deliver(self) -> None:
        for source, target in self._files:
            if self._stop.is_set():
                return
            status = source.stat()
            if not is_there(target, status.st_size, status.st_mtime_ns):
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary = part_of(target)
                try:
                    _link_or_copy(source, temporary)
                    replace_file(temporary, target)
                finally:
                    with contextlib.suppress(OSError):
                        temporary.unlink(missing_ok=True)
            self.done += 1


def _link_or_copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another drive, or one that knows no links
        with source.open("rb") as original, target.open("wb") as copy:
            lock_file(copy)
            shutil.copyfileobj(original, copy, _COPIED_AT_ONCE)
        shutil.copystat(source, target)


def is_there(path: Path, size: int, modified: int) -> bool:
    """Whether the file ``path`` has this size, and was written at this time (nanoseconds since 1970)."""
    try:
        status = path.stat()
    except OSError:
        return False
    return status.st_size == size and abs(status.st_mtime_ns - modified) < _SAME_TIME
