"""The export that is running, or was last."""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from pathlib import Path

import bpy

from .. import app_handlers
from ..durations import describe_rest
from ..folders import capture_folder
from ..session import registry
from ..session.source import engine_python
from .dataset_export import DatasetExport, ExportSettings

_END_PATIENCE = 5.0  # seconds for a cancelled export to clear away what it made


class ExportRefused(ValueError):
    """An export that can't begin; the message says why."""


@dataclass(frozen=True)
class _Export:
    """An export of a scene, which is kept by name: undo makes references invalid."""

    work: DatasetExport
    scene: str


_current: _Export | None = None


def is_exporting() -> bool:
    """Whether an export is running."""
    return _current is not None and _current.work.is_running


def start(scene: bpy.types.Scene, target: Path, settings: ExportSettings) -> None:
    """Begin to write what was captured of ``scene`` as the folder ``target``; a thread sees it through. Raises
    ExportRefused, NoEngineError, FolderError or ValueError."""
    global _current
    if is_exporting():
        raise ExportRefused("A dataset is being exported already")
    if not target.parent.is_dir():
        raise ExportRefused(f"{target.parent}: no such folder")
    _current = _Export(DatasetExport(engine_python(), capture_folder(scene), target, settings), scene.name)
    registry.poll_while(is_exporting)


def cancel() -> None:
    """Give up the running export."""
    if _current is not None:
        _current.work.cancel()


def describe() -> tuple[float, str]:
    """How far the running export has come: a share, and text."""
    assert _current is not None
    work = _current.work
    return work.share, work.words + describe_rest(work.eta_seconds)


def outcome(scene: bpy.types.Scene) -> tuple[str, str, list[str]]:
    """What became of the last export of ``scene``: its state, or "" when there was none; that as text; warnings."""
    if _current is None or _current.work.is_running or _current.scene != scene.name:
        return "", "", []
    work = _current.work
    if work.state == "cancelled":
        return work.state, "The export was cancelled", []
    if work.state == "failed":
        return work.state, work.error, []
    return work.state, work.summary, work.warnings


def exported_folder(scene: bpy.types.Scene) -> Path | None:
    """The folder that the last export of ``scene`` made; None where there was none, or it is gone."""
    if _current is None or _current.scene != scene.name or _current.work.state != "done":
        return None
    return _current.work.target if _current.work.target.is_dir() else None


def _end() -> None:
    """Leave nothing running when Blender ends, another file is loaded, or the extension goes."""
    global _current
    current, _current = _current, None
    if current is not None and current.work.is_running:
        current.work.cancel()
        current.work.join(_END_PATIENCE)


def _before_load(*_: object) -> None:
    _end()


_HANDLERS = ((bpy.app.handlers.load_pre, _before_load),)


def register() -> None:
    """Make sure that no export outlives its file or Blender."""
    atexit.register(_end)
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Cancel what is running."""
    app_handlers.remove(_HANDLERS)
    atexit.unregister(_end)
    _end()
