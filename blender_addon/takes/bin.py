"""The bin of a session folder: what is deleted or replaced is moved there, and stays until the user empties it.

No ``bpy``.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from pathlib import Path

BIN = "bin"


class BinError(ValueError):
    """Something can't be moved into the bin; the message names it, and nothing was moved."""


def move_to_bin(session: Path, *paths: Path) -> Path:
    """Move files and folders of the ``session`` folder into a new folder of its bin, all or none; returns that folder.

    In it they lie as they did in the session folder: moved back by hand, they are what they were. Those that don't
    exist are left out. Raises BinError.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        target = _make_folder(session / BIN)
        for path in filter(Path.exists, paths):
            place = target / path.relative_to(session)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
            moved.append((path, place))
    except OSError as error:
        for path, place in reversed(moved):
            with contextlib.suppress(OSError):
                place.rename(path)
        words = error.strerror or error
        raise BinError(f"{error.filename}: can't be moved into the bin ({words}): close what uses it") from None
    return target


def _make_folder(root: Path) -> Path:
    stamp = time.strftime("%Y-%m-%d %H.%M.%S")
    for number in itertools.count(1):
        folder = root / (stamp if number == 1 else f"{stamp} {number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("numbers don't end")
