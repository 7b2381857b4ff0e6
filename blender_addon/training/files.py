"""Runs that learn from files rather than from captured views, for the panels of kinds of primitives that do so.

Such a panel says what is to be learnt, and from which files; how training stands, its scores and its pictures are shown
as those of any run, in the engine's own words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bpy

from engine.link.codec import describe
from engine.link.messages import AddFile, PrimitiveSpec, Split

from ..folders import capture_folder, session_folder
from ..session.engine_session import EngineSession
from ..session.source import ensure_engine
from . import run

# Of each file that the run was given, by name: what told it from others.
_given: dict[str, tuple[Split, Path, bytes]] = {}


def train_on_files(
    scene: bpy.types.Scene,
    primitive: PrimitiveSpec,
    files: Mapping[str, tuple[Split, Path]],
    overrides: Mapping[str, Any] | None = None,
    anew: bool = False,
) -> None:
    """Train the run of the open take on ``files``, going on where it stood unless ``anew``. Files that have changed
    since it got them are read again.

    ``files``: by name, what each is for and where it lies, inside the scene's folder. ``overrides`` replace single
    settings of training. Raises ValueError for a file elsewhere or one that can't be read, when the open run learns
    from others, when there is no engine or folder, or another process works in the run.
    """
    root = session_folder(scene)
    session = None if anew else run.session_of(scene)
    is_open = session is not None and learns(session, primitive)
    if session is None or not is_open:
        run.require_free(scene)
        session = ensure_engine(scene)
    else:
        _require_same(session, files)
    added = [_add_file(session, name, split, path, root) for name, (split, path) in files.items()]
    present = {name: (split, path, _digest(path)) for name, (split, path) in files.items()}
    if not is_open:
        run.open_run(session, scene, capture_folder(scene), primitive, overrides or {}, resume=not anew)
        session.views.clear()  # what a run in this folder that couldn't be opened was to get
        _given.clear()
    refused = set(session.views.names("refused"))
    for file in added:
        if _given.get(file.name) != present[file.name] or file.name in refused:
            session.add_item(file.name, _always(file), file)
    _given.update(present)
    session.start()
    run.train(session, scene)


def learns(session: EngineSession, primitive: PrimitiveSpec) -> bool:
    """Whether that is what its run is to learn."""
    own = session.primitive
    return type(own) is type(primitive) and describe("", own) == describe("", primitive)


def names_of_files(session: EngineSession) -> list[str]:
    """Of those that its run learns from or is scored by."""
    return list(session.views.names("waiting", "sent", "held", "refused"))


def _require_same(session: EngineSession, files: Mapping[str, Any]) -> None:
    """Raises ValueError when the open run learns from anything but ``files``."""
    if others := [name for name in names_of_files(session) if name not in files]:
        wanted = ", ".join(name for name in files if name not in names_of_files(session))
        raise ValueError(
            f"The open take's run learns from {', '.join(others)}: use another take for {wanted}, or start over"
        )


def _digest(path: Path) -> bytes:
    """Of what is in the file. Raises ValueError when it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror or error}") from None


def _add_file(session: EngineSession, name: str, split: Split, path: Path, root: Path) -> AddFile:
    """The message for a file inside ``root``, the scene's folder. Raises ValueError for one elsewhere."""
    if not path.is_relative_to(root):
        raise ValueError(f"{path} isn't inside {root}, the folder that the engine works in: copy it there")
    return AddFile(name=name, split=split, path=session.source.subfolder + path.relative_to(root).as_posix())


def _always(file: AddFile) -> Callable[[], AddFile]:
    return lambda: file
