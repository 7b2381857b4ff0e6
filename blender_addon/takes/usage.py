"""How much the takes of a session folder hold: views, the last score, bytes on disk. No ``bpy``; for a thread."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.link.capture_format import MANIFEST
from engine.link.json_files import read_object
from engine.link.values import ValueRefused, finite

from .bin import BIN
from .take_folders import Take, folder_of, former_run, former_runs, parts_of, read_takes


@dataclass(frozen=True)
class FormerRunUsage:
    """A run that was begun again: its number, its last score in dB (None without one), and its bytes."""

    number: int
    psnr: float | None
    bytes: int


@dataclass(frozen=True)
class TakeUsage:
    """A take, how many views of it are captured, its run's last score in dB (None without one), and its bytes, those of
    its former runs included."""

    take: Take
    views: int
    psnr: float | None
    bytes: int
    former_runs: tuple[FormerRunUsage, ...] = ()


@dataclass(frozen=True)
class SessionUsage:
    """The takes of the folder ``session``, and the bytes in its bin."""

    session: Path
    takes: tuple[TakeUsage, ...]
    bin_bytes: int


def measure(session: Path, open_key: str) -> SessionUsage:
    """Look at all takes. What can't be read, or goes away meanwhile, counts for nothing."""
    takes = []
    for take in read_takes(session, open_key):
        folder = folder_of(session, take.key)
        size = sum(_bytes_in(part) for part in parts_of(session, take.key, is_whole=False))
        former = tuple(_measure_former(session, take.key, number) for number in former_runs(session, take.key))
        takes.append(TakeUsage(take, _count_views(folder), read_run(folder / "run").score, size, former))
    return SessionUsage(session, tuple(takes), _bytes_in(session / BIN))


@dataclasses.dataclass(frozen=True)
class RunFigures:
    """The steps and seconds that a run has behind it, and its last scores in dB, over whole pictures and over the
    subject alone; None where there is none."""

    step: int
    seconds: float
    psnr: float | None
    subject_psnr: float | None

    @property
    def score(self) -> float | None:
        """That of the subject where there is one."""
        return self.psnr if self.subject_psnr is None else self.subject_psnr


def read_run(folder: Path) -> RunFigures:
    """How the run in ``folder`` stands; all 0 or None where there is none."""
    info = _read_json(folder / "run.json")
    step, seconds, history = info.get("step"), info.get("seconds"), info.get("history")
    last = history[-1] if isinstance(history, list) and history and isinstance(history[-1], dict) else {}

    def number(value: object) -> float | None:
        with contextlib.suppress(ValueRefused):
            return finite(value)
        return None

    return RunFigures(
        int(number(step) or 0),
        number(seconds) or 0.0,
        number(last.get("psnr")),
        number(last.get("subject_psnr")),
    )


def describe_bytes(size: int) -> str:
    """A size as file managers write it."""
    if size < 1000:
        return f"{size} B"
    number, unit = float(size), ""
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007
        number /= 1000
        if number < 999.5:
            break
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


def _bytes_in(folder: Path) -> int:
    total, folders = 0, [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def _count_views(folder: Path) -> int:
    views = _read_json(folder / "capture" / MANIFEST).get("views")
    return sum(isinstance(view, dict) and bool(view.get("done")) for view in views) if isinstance(views, list) else 0


def _measure_former(session: Path, key: str, number: int) -> FormerRunUsage:
    folder = former_run(session, key, number)
    return FormerRunUsage(number, read_run(folder).score, _bytes_in(folder))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except (OSError, ValueError):
        return {}
