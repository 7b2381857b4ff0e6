"""The import that is running, or was last. The one pump watches it, and puts what came of it into the scene."""

from __future__ import annotations

import atexit
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from engine.link.capture_format import MANIFEST
from engine.link.wording import counted_views

from .. import app_handlers, undo_steps
from ..capture.bounds import show_bounds
from ..durations import describe_rest
from ..folder_lock import FolderLock
from ..folders import capture_folder, lock_folder, run_folder
from ..session import registry
from ..session.source import engine_python
from ..training import run
from .cameras import create_cameras, find_camera_warnings, set_render_settings
from .dataset_import import DatasetImport, ImportFailed

_END_PATIENCE = 5.0  # seconds for a cancelled import to clear away what it made


@dataclass
class _Import:
    """An import for a scene, which is kept by name: undo makes references invalid."""

    work: DatasetImport
    scene: str
    sets_render_settings: bool
    lock: FolderLock
    is_over: bool = False
    report: list[str] = field(default_factory=list)


_current: _Import | None = None


def is_importing() -> bool:
    """Whether an import is running."""
    return _current is not None and not _current.is_over


def start(scene: bpy.types.Scene, source: Path, holdout: int, sets_render_settings: bool) -> None:
    """Begin to import the dataset at ``source``, a folder or a JSON file, as the capture of ``scene``; pumping sees it
    through.

    ``holdout``: every n-th view is held out where the dataset names none, 0 for none. ``sets_render_settings``: the
    scene gets the pictures' resolution. Raises ImportFailed, NoEngineError, FolderError or ValueError.
    """
    global _current
    if is_importing():
        raise ImportFailed("A dataset is being imported already")
    source = source.absolute()
    if not source.exists():
        raise ImportFailed(f"{source}: no such folder or file")
    if holdout == 1:
        raise ImportFailed("Test View Every: 1 would leave no views to train on, 0 makes none")
    python = engine_python()
    folder = capture_folder(scene)
    if not (folder / MANIFEST).is_file() and (run_folder(scene) / "run.json").is_file():
        raise ImportFailed(f"{folder.parent} holds a run of other views: import into a new take (Takes > New)")
    lock = lock_folder(scene)
    _current = _Import(DatasetImport(python, source, folder, holdout), scene.name, sets_render_settings, lock)
    registry.poll_while(_watch)


def cancel() -> None:
    """Give up the running import."""
    if _current is not None:
        _current.work.cancel()


def describe() -> tuple[float, str]:
    """How far the running import has come: a share, and text."""
    assert _current is not None
    work = _current.work
    return work.share, work.words + describe_rest(work.eta_seconds)


def outcome(scene: bpy.types.Scene) -> tuple[str, str, list[str]]:
    """What became of the last import into ``scene``: its state, or "" when there was none; that as text; warnings."""
    if _current is None or not _current.is_over or _current.scene != scene.name:
        return "", "", []
    work = _current.work
    if work.state == "cancelled":
        return work.state, "The import was cancelled", []
    if work.state == "failed" or work.dataset is None:
        return "failed", work.error, []
    views = work.dataset.views.values()
    training = sum(view.split == "train" for view in views)
    return work.state, counted_views(training, len(views) - training), _current.report


def _watch() -> bool:
    """Called by the pump. Returns whether to be called again."""
    current = _current
    if current is None or current.is_over:
        return False
    if current.work.is_running:
        return True
    current.is_over = True
    current.lock.release()
    scene = bpy.data.scenes.get(current.scene)
    if current.work.state == "done" and scene is not None:
        _put_into_scene(scene, current)
    return False


def _put_into_scene(scene: bpy.types.Scene, current: _Import) -> None:
    work = current.work
    assert work.dataset is not None
    views = list(work.dataset.views.values())
    if current.sets_render_settings:
        set_render_settings(scene, views)
    source = work.source if work.source.is_dir() else work.source.parent
    create_cameras(scene, source.name or "Dataset", views, work.dataset.bounds)
    show_bounds(scene, work.dataset.bounds)
    scene.hashlight.capture.show_settings = False
    scene.hashlight.capture.show_plan = False  # there is nothing to capture, and its cameras would hide the others
    current.report = find_camera_warnings(scene, views) + work.warnings
    if not work.was_there:
        run.begin_with_import(work.folder)
        for name in ("step", "seconds", "score"):
            scene.hashlight.run.property_unset(name)
    undo_steps.push("Import Dataset")


def _end() -> None:
    """Leave nothing running when Blender ends, another file is loaded, or the extension goes."""
    global _current
    current, _current = _current, None
    if current is not None and not current.is_over:
        current.work.cancel()
        current.work.join(_END_PATIENCE)
        current.lock.release()


def _before_load(*_: object) -> None:
    _end()


_HANDLERS = ((bpy.app.handlers.load_pre, _before_load),)


def register() -> None:
    """Make sure that no import outlives its file or Blender."""
    atexit.register(_end)
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Cancel what is running."""
    app_handlers.remove(_HANDLERS)
    atexit.unregister(_end)
    _end()
