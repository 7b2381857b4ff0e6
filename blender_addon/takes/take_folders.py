"""The takes of a session folder on disk. No ``bpy``.

The first take's capture, run and bakes lie in the session folder itself, those of the others in ``takes/NAME``. Where
an engine was told to begin a run again in its own folder, the former one lies beside it, as ``run-former-1``. What the
user calls a take is in its ``take.json``: another name moves no file.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.link.json_files import read_object
from engine.link.part_files import write_whole
from engine.link.values import finite, printable

from ..folders import TAKES
from .bin import BIN

PARTS = ("capture", "run", "bakes")
FIRST_NAME = "Take 1"
_FILE = "take.json"
_LONGEST_NAME = 500  # characters
# What Windows takes for devices, and no folder can be called.
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{device}{number}" for device in ("com", "lpt") for number in range(10)}


class TakeError(ValueError):
    """A take can't be made, named or found."""


@dataclass(frozen=True)
class Take:
    """``key``: its folder inside ``takes``, "" for the first take. ``made``: when, in seconds since 1970."""

    key: str
    name: str
    made: float = 0.0


def folder_of(session: Path, key: str) -> Path:
    """The folder that holds a take's capture, run and bakes."""
    return session / TAKES / key if key else session


def parts_of(session: Path, key: str, is_whole: bool) -> list[Path]:
    """What goes into the bin with a take: its capture, runs and bakes; if ``is_whole``, its name and folder, too."""
    folder = folder_of(session, key)
    if key and is_whole:
        return [folder]
    parts = [folder / part for part in (*PARTS, _FILE) if is_whole or part in PARTS]
    return parts + sorted(path for path in folder.glob("run-former-*") if path.is_dir())


def read_takes(session: Path, open_key: str) -> list[Take]:
    """The takes of the folder ``session`` in the order they were made. The one of ``open_key`` is among them whether
    there is anything on disk of it yet or not; so is the first if there is no other."""
    try:
        keys = {path.name for path in (session / TAKES).iterdir() if path.is_dir()}
    except OSError:
        keys = set()
    if not keys or any(path.exists() for path in parts_of(session, "", is_whole=True)):
        keys.add("")
    return sorted((_read(session, key) for key in keys | {open_key}), key=lambda take: (take.made, take.key))


def find_take(takes: Iterable[Take], words: str) -> Take:
    """The take that bears this name, or has this folder. Raises TakeError."""
    takes = list(takes)
    for take in takes:
        if words in (take.name, take.key):
            return take
    raise TakeError(f"there is no take {words!r}: there are {', '.join(take.name for take in takes)}")


def make_take(session: Path, name: str, open_key: str) -> Take:
    """A new take with a folder of its own; without a ``name`` it is numbered. Raises TakeError, OSError."""
    takes = read_takes(session, open_key)
    if not name.strip():
        numbers = [int(match[1]) for take in takes if (match := re.fullmatch(r"Take ([0-9]{1,6})", take.name))]
        name = f"Take {max([len(takes), *numbers]) + 1}"
    name = _check_name(name, takes)
    key = _free_key(session, name)
    folder_of(session, key).mkdir(parents=True)
    take = Take(key, name, time.time())
    _write(session, take)
    if not open_key and len(takes) == 1:
        _write(session, takes[0])  # so that the first is there still when nothing is captured in it yet
    return take


def name_take(session: Path, take: Take, name: str, takes: Iterable[Take]) -> None:
    """Call ``take``, which is one of ``takes``, by another name. Raises TakeError, OSError."""
    name = _check_name(name, [other for other in takes if other.key != take.key])
    folder_of(session, take.key).mkdir(parents=True, exist_ok=True)
    _write(session, Take(take.key, name, take.made))


def _check_name(name: str, others: Iterable[Take]) -> str:
    name = " ".join(name.split())
    if not name:
        raise TakeError("A take needs a name")
    if len(name) > 60:
        raise TakeError(f"{name[:20]}…: the name of a take has at most 60 characters")
    if any(other.name.casefold() == name.casefold() for other in others):
        raise TakeError(f"There is a take called {name} already")
    return name


def _free_key(session: Path, name: str) -> str:
    """A folder for a take of this ``name`` that is no other's, nor that of one in the bin: an engine elsewhere may
    still hold the run of that one."""
    taken = {path.name.casefold() for path in (*session.glob(f"{TAKES}/*"), *session.glob(f"{BIN}/*/{TAKES}/*"))}
    taken |= _DEVICES
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-").lower() or "take"
    key, number = plain, 1
    while key in taken:
        number += 1
        key = f"{plain}-{number}"
    return key


def _read(session: Path, key: str) -> Take:
    try:
        values = read_object(folder_of(session, key) / _FILE)
        if not isinstance(name := values["name"], str):
            raise ValueError("its name is no text")
        return Take(key, printable(name, _LONGEST_NAME), finite(values["made"]))
    except (OSError, ValueError, KeyError):
        return Take(key, key or FIRST_NAME)


def _write(session: Path, take: Take) -> None:
    write_whole(folder_of(session, take.key) / _FILE, json.dumps({"name": take.name, "made": take.made}).encode())
