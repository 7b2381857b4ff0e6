"""Training from the beginning, in a take of its own: the one that was open keeps its run and its rendered frames."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import bpy

from engine.link.capture_format import CAPTURE

from ..folder_lock import FolderLock
from ..folders import session_folder
from ..training import run, saved_state
from . import switching
from .take_folders import Take, TakeError, folder_of, make_take


def restart(scene: bpy.types.Scene) -> str:
    """Train on the views of the open take from the beginning, with the present settings of ``scene``. Where they have
    been trained on already, another take with the same views is open from then on. Returns what became of it, in words.

    Raises TakeError, FolderError, and what ``run.ensure_run`` raises.
    """
    if not _has_learnt(scene):
        run.train_on_captured(scene, anew=True)
        return "Training begins again"
    if refusal := switching.find_refusal():
        raise TakeError(refusal)
    former = switching.take_called(scene, "")
    take = _make_copy(session_folder(scene), former)
    engine = run.session_of(scene)
    switching.change_take(scene, take.key)
    try:
        run.train_on_captured(scene, anew=False)
    except ValueError:
        switching.show_run(scene, engine)
        raise
    return f"{take.name} is open, with the same views: {former.name} keeps the former run"


def _has_learnt(scene: bpy.types.Scene) -> bool:
    session = run.session_of(scene)
    progress = session.progress_made if session is not None else None
    return (progress is not None and progress.step > 0) or saved_state.has_saved_run(scene)


def _make_copy(session: Path, former: Take) -> Take:
    """A new take with the views of ``former``, and nothing else of it. Raises TakeError, FolderError."""
    lock = FolderLock(session)
    try:
        take = make_take(session, "", former.key)
        try:
            share_files(folder_of(session, former.key) / CAPTURE, folder_of(session, take.key) / CAPTURE)
        except OSError:
            shutil.rmtree(folder_of(session, take.key), ignore_errors=True)
            raise
    except OSError as error:
        raise TakeError(f"{error.filename}: can't be copied ({error.strerror or error})") from None
    finally:
        lock.release()
    return take


def share_files(source: Path, target: Path) -> None:
    """Have all files of the folder ``source`` in the new folder ``target``, too, without their bytes twice on disk
    where the file system can do that. No file of a capture is ever written into: a new one takes its place, here or
    there. Raises OSError."""
    target.mkdir()
    for path in source.iterdir():
        if path.name.startswith("."):  # temporary, or held
            continue
        if path.is_dir():
            share_files(path, target / path.name)
            continue
        try:
            os.link(path, target / path.name)
        except OSError:
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                shutil.copy2(path, target / path.name)
