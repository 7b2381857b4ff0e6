"""The runs of a take before its training was restarted: one is used again, or goes into the bin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import bpy

from ..folder_lock import FolderLock
from ..folders import session_folder
from ..training import run
from ..transfer.deliveries import is_remote
from . import changing, switching
from .bin import move_to_bin
from .take_folders import Take, TakeError, folder_of, former_run, former_runs
from .usage import read_run


def use(scene: bpy.types.Scene, number: int, then: Callable[[], None]) -> None:
    """Have the former run ``number`` of the open take in the place of the present one, which becomes a former run;
    ``then`` follows. See ``changing.begin`` for when. What shows the field shows that run from then on, or nothing
    while there is no engine.

    Raises TakeError, FolderError: all is as it was.
    """
    take, session, name = switching.take_called(scene, ""), session_folder(scene), scene.name
    _find(session, take, number)
    engine = run.session_of(scene)
    if engine is not None and is_remote(engine):
        raise TakeError("The engine is on another computer, with a run of its own: stop it first")

    def swap() -> str:
        present = bpy.data.scenes.get(name)
        try:
            kept = _swap(_find(session, take, number))
            if present is not None:
                used = read_run(folder_of(session, take.key) / "run")
                figures = present.hashlight.run
                figures.step, figures.seconds, figures.since = used.step, used.seconds, 0.0
                figures.psnr, figures.subject_psnr = used.psnr or 0.0, used.subject_psnr or 0.0
        finally:
            if present is not None:
                switching.show_run(present, engine)
        words = f"Former run {number} is the run of {take.name} now"
        return f"{words}; the one it had is former run {kept}" if kept else words

    changing.begin(scene, take, swap, then)


def delete(scene: bpy.types.Scene, number: int) -> str:
    """Move the former run ``number`` of the open take into the bin; returns a message that says where it is. Raises
    TakeError, FolderError, BinError: it is where it was."""
    take, session = switching.take_called(scene, ""), session_folder(scene)
    path = _find(session, take, number)
    lock = FolderLock(session)
    try:
        target = move_to_bin(session, path)
    finally:
        lock.release()
    return f"Former run {number} of {take.name} is in {target} now"


def _find(session: Path, take: Take, number: int) -> Path:
    numbers = former_runs(session, take.key)
    if number not in numbers:
        there_are = f"there are {', '.join(map(str, numbers))}" if numbers else "there is none"
        raise TakeError(f"{take.name} has no former run {number}: {there_are}")
    return former_run(session, take.key, number)


def _swap(former: Path) -> int:
    """Put ``former`` in the place of the run beside it; returns the number under which that is kept, 0 if there was
    none. Between its two steps both are former runs. Raises TakeError, and all is as it was."""
    present, number = former.with_name("run"), 0
    aside = present
    try:
        if present.exists():
            while aside.exists():
                number += 1
                aside = former.with_name(f"run-former-{number}")
            present.rename(aside)
        former.rename(present)
    except OSError as error:
        if aside.exists() and not present.exists():
            with contextlib.suppress(OSError):
                aside.rename(present)
        raise TakeError(f"{error.filename}: can't be renamed ({error.strerror or error}): close what uses it") from None
    return number
