"""Runs that learn from files rather than from captured views, for the panels of kinds of primitives that do so.

Such a panel says what is to be learnt, and from which files; how training stands, its scores and its pictures are shown
as those of any run, in the engine's own words.
"""

from __future__ import annotations

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


def train_on_files(
    scene: bpy.types.Scene,
    primitive: PrimitiveSpec,
    files: Mapping[str, tuple[Split, Path]],
    overrides: Mapping[str, Any] | None = None,
    anew: bool = False,
) -> None:
    """Train the run of the open take on ``files``, going on where it stood unless ``anew``.

    ``files``: by name, what each is for and where it lies, inside the scene's folder. ``overrides`` replace single
    settings of training. Raises ValueError for a file elsewhere, or when there is no engine or folder, or another
    process works in the run.
    """
    session = None if anew else run.session_of(scene)
    if session is None or not learns(session, primitive):
        root = session_folder(scene)
        run.require_free(scene)
        session = ensure_engine(scene)
        added = [_add_file(session, name, split, path, root) for name, (split, path) in files.items()]
        run.open_run(session, scene, capture_folder(scene), primitive, overrides or {}, resume=not anew)
        for file in added:
            session.add_item(file.name, _always(file), file)
    session.start()
    run.train(session, scene)


def learns(session: EngineSession, primitive: PrimitiveSpec) -> bool:
    """Whether that is what its run is to learn."""
    own = session.primitive
    return type(own) is type(primitive) and describe("", own) == describe("", primitive)


def _add_file(session: EngineSession, name: str, split: Split, path: Path, root: Path) -> AddFile:
    """The message for a file inside ``root``, the scene's folder. Raises ValueError for one elsewhere."""
    if not path.is_relative_to(root):
        raise ValueError(f"{path} isn't inside {root}, the folder that the engine works in: copy it there")
    return AddFile(name=name, split=split, path=session.source.subfolder + path.relative_to(root).as_posix())


def _always(file: AddFile) -> Callable[[], AddFile]:
    return lambda: file
