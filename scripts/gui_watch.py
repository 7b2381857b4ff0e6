"""Watches over a Blender that runs a script in its window: whether it ended, died of its display, or stands still.

On software OpenGL under load Blender's window sometimes dies of an X error that no code of ours has a part in, and its
process stays. That ends in seconds here, not when all the time is used up.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

X_ERROR = "X Error of failed request"  # the last that Xlib prints before it ends a program
SIGN_OF_LIFE = "alive"  # the script's file that is touched every second
START_SECONDS = 300.0  # until the first sign of life, on a busy machine
STILL_SECONDS = 420.0  # without another one: Blender stands still while EEVEE compiles its shaders in software


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a Blender ended. ``code``: its exit code, None when it has to be killed. ``words``: what became of it, empty
    when it ended by itself. ``is_display_fault``: its window died or never came; another try may well go through."""

    code: int | None
    words: str = ""
    is_display_fault: bool = False


def follow(
    process: subprocess.Popen[str],
    out: Path,
    limit: float,
    start_seconds: float = START_SECONDS,
    still_seconds: float = STILL_SECONDS,
) -> Outcome:
    """Show what the script reports in ``out``/report.txt until Blender, which prints into ``out``/blender.log, ends or
    has to be killed: by the caller."""
    began = time.monotonic()
    report, log, sign = (_Tail(out / "report.txt"), _Tail(out / "blender.log", from_start=True), out / SIGN_OF_LIFE)
    was_alive, last_sign, printed = False, began, ""
    former_sign = _changed_at(sign)
    while True:
        code = process.poll()
        sys.stdout.write(report.read())
        sys.stdout.flush()
        printed = (printed + log.read())[-10_000:]
        now = time.monotonic()
        if (newest := _changed_at(sign)) != former_sign:
            was_alive, last_sign, former_sign = True, now, newest
        if (found := printed.find(X_ERROR)) >= 0:
            words = " ".join(printed[found:].split("\n")[:2])
            return Outcome(code, f"Blender's window died: {' '.join(words.split())}", is_display_fault=True)
        if code is not None:
            return Outcome(code)
        if not was_alive and now - began > start_seconds:
            return Outcome(None, f"Blender's window did not come within {start_seconds:.0f} s", is_display_fault=True)
        if was_alive and now - last_sign > still_seconds:
            return Outcome(None, f"Blender stood still for {still_seconds:.0f} s")
        if now - began > limit:
            return Outcome(None, f"Blender was stopped after {limit:.0f} s")
        time.sleep(0.2)


class _Tail:
    """What is appended to a file from now on, or from its start."""

    def __init__(self, path: Path, from_start: bool = False) -> None:
        self._path = path
        self._read = 0 if from_start or not path.is_file() else path.stat().st_size

    def read(self) -> str:
        """What was appended since the last call."""
        if not self._path.is_file():
            return ""
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        return data.decode("utf-8", errors="replace")


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
