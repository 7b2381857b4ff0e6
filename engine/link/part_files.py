"""Files that appear whole or not at all, on both sides, and what is left of those that didn't."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.link.disk import replace_file, sync_file
from engine.link.file_lock import IN_USE, is_held, is_taken, lock_file

_PART_NAME = re.compile(r"\..+\.[0-9]+\.part(\.[A-Za-z0-9]+)?")
_SCRATCH_NAME = re.compile(r"\..+\.making-[0-9]+")
_MOST_FOLDERS = 20_000


def part_of(path: Path) -> Path:
    """The name under which this process writes what is to become ``path``: with its suffix, by which most writers
    choose their format. Who takes long locks the file (``lock_file``) meanwhile, so that others know that it is
    still being written. What a killed process leaves under such a name, ``remove_leftovers`` finds."""
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


def scratch_folder(folder: Path) -> Path:
    """The name under which a whole new ``folder`` is filled before it is renamed; whoever does so holds the file IN_USE
    in it."""
    return folder.with_name(f".{folder.name}.making-{os.getpid()}")


@contextlib.contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Yield the name of a part of ``path`` to write to; on success it is renamed to ``path``, on failure removed. The
    body must have closed the file. Raises OSError."""
    temporary = part_of(path)
    try:
        with temporary.open("wb") as mark:
            lock_file(mark)  # until it is about to be renamed
            yield temporary
        replace_file(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is either there whole or not at all, also after a loss of power. Raises OSError."""
    with written_atomically(path) as temporary:
        temporary.write_bytes(content)
        sync_file(temporary)


def remove_leftovers(folder: Path, below: bool = False) -> None:
    """Delete the half-written files and folders in ``folder`` of processes that were killed; with ``below``, in the
    folders inside it too. What a living process is at stays, and so does all that doesn't bear such a name."""
    for visited, (where, folders, files) in enumerate(os.walk(folder), 1):
        for name in files:
            if _PART_NAME.fullmatch(name):
                _remove_part(Path(where, name))
        for name in folders:
            if _SCRATCH_NAME.fullmatch(name):
                _remove_scratch(Path(where, name))
        if not below or visited >= _MOST_FOLDERS:
            return


def _remove_part(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_file() and not path.is_symlink() and not is_taken(path):
            path.unlink()


def _remove_scratch(folder: Path) -> None:
    mark = folder / IN_USE
    if not folder.is_symlink() and not is_held(mark) and not is_taken(mark):
        shutil.rmtree(folder, ignore_errors=True)
