"""How much the takes of a session folder hold: views, the last score, bytes on disk. No ``bpy``; for a thread."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.link.capture_format import MANIFEST
from engine.link.errors import LinkError
from engine.link.json_files import read_object
from engine.link.metrics import Figure, find_first, read_descriptions
from engine.link.scoring import RADIANCE_FIELD_METRICS
from engine.link.values import ValueRefused, finite

from .bin import BIN
from .take_folders import Take, folder_of, parts_of, read_takes

_Shared = set[tuple[int, int]]  # files that were counted, by device and inode


@dataclass(frozen=True)
class TakeUsage:
    """A take, how many views of it are captured, its run's last score (None without one), and its bytes: files that
    takes share count for the first of them."""

    take: Take
    views: int
    score: Figure | None
    bytes: int


@dataclass(frozen=True)
class SessionUsage:
    """The takes of the folder ``session``, and the bytes in its bin."""

    session: Path
    takes: tuple[TakeUsage, ...]
    bin_bytes: int


def measure(session: Path, open_key: str) -> SessionUsage:
    """Look at all takes. What can't be read, or goes away meanwhile, counts for nothing."""
    takes: list[TakeUsage] = []
    shared: _Shared = set()
    for take in read_takes(session, open_key):
        folder = folder_of(session, take.key)
        size = sum(_bytes_in(part, shared) for part in parts_of(session, take.key, is_whole=False))
        takes.append(TakeUsage(take, _count_views(folder), _read_score(folder / "run"), size))
    return SessionUsage(session, tuple(takes), _bytes_in(session / BIN, shared))


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


def _bytes_in(folder: Path, shared: _Shared) -> int:
    """The bytes of all files below ``folder``, but for those of ``shared``, to which those are added that are in other
    folders, too."""
    total, folders = 0, [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                        continue
                    status = Path(entry.path).lstat()  # the entry's own knows no links on Windows
                    file = status.st_dev, status.st_ino
                    if file not in shared:
                        total += status.st_size
                    if status.st_nlink > 1:
                        shared.add(file)
        except OSError:
            continue
    return total


def _read_score(folder: Path) -> Figure | None:
    """The last score of the run in ``folder`` that matters most. Runs of older versions, which don't say what their
    scores are, are radiance fields."""
    info = _read_json(folder / "run.json")
    history, metrics = info.get("history"), RADIANCE_FIELD_METRICS
    with contextlib.suppress(LinkError):
        metrics = read_descriptions("metrics", info["metrics"]) if "metrics" in info else metrics
    last = history[-1] if isinstance(history, list) and history and isinstance(history[-1], dict) else {}
    known: dict[str, float | None] = {}
    for name in metrics:
        with contextlib.suppress(ValueRefused):
            known[name] = finite(last.get(name))
    return find_first(known, metrics)


def _count_views(folder: Path) -> int:
    views = _read_json(folder / "capture" / MANIFEST).get("views")
    return sum(isinstance(view, dict) and bool(view.get("done")) for view in views) if isinstance(views, list) else 0


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except (OSError, ValueError):
        return {}
