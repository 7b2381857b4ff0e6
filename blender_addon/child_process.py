"""Child processes that a thread waits for and that any other thread may end. No ``bpy``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from engine.link.child_environment import child_environment

_ENOUGH = 5.0  # seconds for a killed process to be gone


class Cancelled(Exception):
    """The work was given up on the user's word."""


class ChildRunner:
    """Runs commands one after the other; ``cancel`` kills the one at hand with all that it started, for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def run(
        self,
        command: Sequence[str | Path],
        on_line: Callable[[str], None],
        folder: Path,
        variables: Mapping[str, str] | None = None,
        errors: IO[str] | None = None,
    ) -> int:
        """Run ``command`` in ``folder`` to its end, handing each line of its output to ``on_line``.

        Its error output goes to ``errors``, or among the rest. Returns the exit code. Raises OSError when it can't be
        started, Cancelled after ``cancel``.
        """
        with self._lock:
            if self._cancelled:
                raise Cancelled
            process = self._process = _spawn(command, folder, variables or {}, errors)
        try:
            assert process.stdout is not None
            # Not a file: should Blender die, the child's output is closed, and it ends.
            with process.stdout as output:
                for line in output:
                    on_line(line.rstrip())
            code = process.wait()
        finally:
            with self._lock:
                self._process = None
        if self._cancelled:
            raise Cancelled
        return code

    def cancel(self) -> None:
        """End the command at hand, and let no other begin. Returns at once."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                _kill(self._process)


def _spawn(
    command: Sequence[str | Path], folder: Path, variables: Mapping[str, str], errors: IO[str] | None
) -> subprocess.Popen[str]:
    options: dict[str, Any] = {"start_new_session": True}  # a group of its own, to be killed as a whole
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=folder,
        env=child_environment() | dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors is None else errors,
        encoding="utf-8",
        errors="replace",
        **options,
    )


def _kill(process: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(command, capture_output=True, timeout=_ENOUGH, creationflags=subprocess.CREATE_NO_WINDOW)
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
