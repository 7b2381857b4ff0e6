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
from collections.abc import Sequence
from pathlib import Path

from engine.link.messages import JobState

from ..background import Task, describe_failure

_SAME_TIME = 10_000_000  # nanoseconds: not every file system keeps a time as it was set


class Delivery(ABC):
    """Work that a thread does: ``done`` of ``total`` files are there, ``error`` says in words why it failed."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.state: JobState = "running"
        self.error = ""
        self._stop = threading.Event()
        self._task: Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = Task(self._deliver, "hashlight-delivery")

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

    @abstractmethod
    def _deliver(self) -> None:
        """Deliver everything, looking at ``_stop`` now and then. Raises OSError."""


class Copying(Delivery):
    """Files that this computer can read: each given as where it is and where it is to be.

    Where both are on one drive, the file is in two folders and on the drive once: its writer replaces files and never
    changes them. Elsewhere it is copied.
    """

    def __init__(self, files: Sequence[tuple[Path, Path]]) -> None:
        super().__init__(len(files))
        self._files = files

    def _deliver(self) -> None:
        for source, target in self._files:
            if self._stop.is_set():
                return
            status = source.stat()
            if not is_there(target, status.st_size, status.st_mtime_ns):
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary = temporary_name(target)
                try:
                    _link_or_copy(source, temporary)
                    temporary.replace(target)
                finally:
                    with contextlib.suppress(OSError):
                        temporary.unlink(missing_ok=True)
            self.done += 1


def _link_or_copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another drive, or one that knows no links
        shutil.copy2(source, target)


def is_there(path: Path, size: int, modified: int) -> bool:
    """Whether the file ``path`` has this size, and was written at this time (nanoseconds since 1970)."""
    try:
        status = path.stat()
    except OSError:
        return False
    return status.st_size == size and abs(status.st_mtime_ns - modified) < _SAME_TIME


def temporary_name(path: Path) -> Path:
    """Where to write what is to become ``path``."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")
