"""Folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.data.dataset import DatasetError
from engine.link.disk import set_aside, sync_all, sync_folder
from engine.link.file_lock import IN_USE, FileLock
from engine.link.part_files import remove_leftovers, scratch_folder


def require_free(folder: Path, overwrite: bool = False) -> None:
    """Raise DatasetError where something is at ``folder`` that isn't an empty folder, or with ``overwrite`` no folder
    at all."""
    if folder.is_dir() and (overwrite or not any(folder.iterdir())):
        return
    if folder.exists() or folder.is_symlink():
        what = "something is there already" if folder.is_dir() else "it is no folder"
        raise DatasetError(f"{folder}: {what}: choose another folder")


@contextlib.contextmanager
def new_folder(folder: Path, owner: str, overwrite: bool = False) -> Iterator[Path]:
    """Yield the temporary folder to fill, beside ``folder``, which it becomes when the body ends; when that fails,
    nothing is left of it.

    ``owner``: who fills it, for others to name. ``overwrite``: a folder that is there is set aside then
    (``engine.link.disk.set_aside``); else it must be empty. Raises DatasetError, also for what the body can't write.
    """
    require_free(folder, overwrite)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.parent)
        scratch = scratch_folder(folder)
        scratch.mkdir()
        lock = FileLock(scratch / IN_USE, owner)
        try:
            yield scratch
            sync_all(scratch)
            lock.release()
            _put_in_place(scratch, folder, overwrite)
            sync_folder(folder.parent)
        finally:
            lock.release()
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise DatasetError(f"{error.filename or folder}: can't be written ({error.strerror or error})") from None


def _put_in_place(scratch: Path, folder: Path, overwrite: bool) -> None:
    """Rename; whatever has come to be in ``folder`` meanwhile stays."""
    former = None
    try:
        folder.rmdir()  # only an empty one goes, and not every system renames onto it
    except FileNotFoundError:
        pass
    except OSError:
        if not overwrite:
            raise
        former = set_aside(folder)
    try:
        scratch.rename(folder)
    except OSError:
        if former is not None:
            former.rename(folder)
        raise
