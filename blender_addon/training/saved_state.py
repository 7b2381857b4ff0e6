"""What a .blend remembers of its run, and where its files were before it was first saved.

The run itself is in the session folder; the .blend only keeps how it stood, for the panel.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import bpy

from engine.link.metrics import describe_first

from .. import app_handlers
from ..folders import file_folder, forget_unsaved, run_folder
from ..session import registry
from ..session.engine_session import EngineSession
from ..transfer import run_files
from . import run


def has_saved_run(scene: bpy.types.Scene) -> bool:
    """Whether ``scene`` has a run that can be opened again: on disk here, or with an engine elsewhere."""
    try:
        folder = run_folder(scene)
    except ValueError:
        return False
    return (folder / "run.json").is_file() or scene.hashlight.run.step > 0


def redirect_images(former: Path, present: Path) -> None:
    """Have baked frames that were in folder ``former`` read from where that is now."""
    for image in bpy.data.images:
        if image.filepath:
            path = Path(bpy.path.abspath(image.filepath))
            if path.is_relative_to(former):
                image.filepath = bpy.path.relpath(str(present / path.relative_to(former)))


def remember(scene: bpy.types.Scene) -> None:
    """Note how the run stands, and have what it has learnt since it was saved last written to disk."""
    session = _note_progress(scene)
    if session is None:
        return
    saved = session.snapshot.step if session.snapshot is not None else session.run.step
    if session.progress_made.step > saved:
        with contextlib.suppress(ValueError):
            run_files.save_snapshot(session, run_folder(scene))


def _note_progress(scene: bpy.types.Scene) -> EngineSession | None:
    """Note how the run of ``scene`` stands; the session that it is open in, if it is."""
    settings = scene.hashlight
    session = run.session_of(scene)
    status = session.progress_made if session is not None else None
    if session is None or session.run is None or status is None:
        return None
    settings.run.step, settings.run.seconds, settings.run.since = status.step, status.seconds, run.counted_since()
    last = session.evaluations[-1] if session.evaluations else None
    settings.run.score = "" if last is None else describe_first(last.scores, session.metrics)
    return session


def _before_another_engine() -> None:
    for scene in bpy.data.scenes:
        _note_progress(scene)


def _remember_folder(scene: bpy.types.Scene) -> None:
    """Note where the files are if this is the first save."""
    with contextlib.suppress(ValueError):
        if not bpy.data.filepath and file_folder(scene).is_dir():
            scene.hashlight.former_folder = str(file_folder(scene))


def _before_save(*_: object) -> None:
    for scene in bpy.data.scenes:
        _remember_folder(scene)
        remember(scene)


def _after_save(*_: object) -> None:
    if bpy.data.filepath:  # else only a copy was saved
        forget_unsaved()


def _after_load(*_: object) -> None:
    forget_unsaved()
    session = registry.current()
    if session is not None and session.failure is not None and session.failure.regarding:
        session.failure = None  # it is about a view or frames of the other file


_HANDLERS = (
    (bpy.app.handlers.save_pre, _before_save),
    (bpy.app.handlers.save_post, _after_save),
    (bpy.app.handlers.load_post, _after_load),
)


def register() -> None:
    """Follow saving and loading."""
    app_handlers.add(_HANDLERS)
    registry.leaving_listeners.append(_before_another_engine)


def unregister() -> None:
    """Undo ``register``."""
    app_handlers.remove(_HANDLERS)
    registry.leaving_listeners.remove(_before_another_engine)
