"""From a scene's settings to a run: which bounds, which views, trained for how long."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from engine.link.capture_format import MANIFEST
from engine.link.geometry import Bounds, Camera, pixels_across
from engine.link.messages import AddView, ColorSpace, OpenRun, Split

from ..capture.bounds import read_bounds
from ..capture.dataset import CaptureDataset
from ..capture.errors import CaptureError
from ..capture.poses import first_planned_camera
from ..capture.under_way import view_listeners
from ..folders import capture_folder
from ..session import registry
from ..session.engine_session import EngineSession
from ..session.source import ensure_engine
from .captured import offer_captured_views, read_view

RUN = "run"  # the run's folder inside the session's

# What to train with instead when memory doesn't do.
_SMALLER_PRESETS = {"gpu": "cpu"}
_IMPORTED_SETTINGS = ("cascades", "pixels_across")  # in the manifest of an imported dataset
_PRESETS_OF_DEVICES = {"cuda": "gpu", "cpu": "cpu"}

_captures: Path | None = None  # the capture folder whose views belong to the session's run
_imported: Path | None = None  # the one that was imported, with no run of its own yet


def session_of(scene: bpy.types.Scene) -> EngineSession | None:
    """The session, if the run that is open in it is this scene's; running or not."""
    session = registry.current()
    if session is None or session.bounds is None or _captures is None:
        return None
    try:
        return session if capture_folder(scene) == _captures else None
    except ValueError:
        return None


def ensure_run(scene: bpy.types.Scene, anew: bool = False) -> EngineSession:
    """The session with the scene's run open, as it was left in this session or an earlier one; a new one if ``anew``.

    The engine gets all views that are captured. Raises CaptureError when nothing is, ValueError when there is no engine
    or folder.
    """
    session = None if anew else session_of(scene)
    if session is None:
        folder = capture_folder(scene)
        dataset = _captured_dataset(folder)
        session = ensure_engine(scene)
        resume = not anew and folder != _imported
        _open(session, scene, folder, dataset.bounds, _settings_for(dataset), resume, dataset.color_space)
        offer_captured_views(session, folder)
    session.start()
    return session


def train_on_captured(scene: bpy.types.Scene, anew: bool) -> None:
    """Train the scene's run, going on where it stood unless ``anew``. Raises what ``ensure_run`` raises."""
    train(ensure_run(scene, anew), scene)


def begin_with_import(folder: Path) -> None:
    """A dataset was imported into ``folder``: a run that is open for it, or left by others, is not of these views."""
    global _captures, _imported
    _imported = folder
    if _captures == folder:
        _captures = None


def _captured_dataset(folder: Path) -> CaptureDataset:
    if not (folder / MANIFEST).is_file():
        raise CaptureError(f"{folder}: nothing is captured there yet, so capture first")
    dataset = CaptureDataset.open(folder)
    if not any(view.is_done for view in dataset.views.values()):
        raise CaptureError(f"{folder}: no view is captured yet")
    return dataset


def open_run_for_capture(session: EngineSession, scene: bpy.types.Scene) -> None:
    """Open the run that a capture of ``scene`` feeds, from now on view by view.

    It is the one that is open, if bounds and folder are the same; else one that goes on with an interrupted capture's;
    else a new one. Raises CaptureError when there are no bounds, ValueError when there is no folder.
    """
    folder = capture_folder(scene)
    bounds = read_bounds(scene, bpy.context.evaluated_depsgraph_get())
    former = CaptureDataset.open(folder) if (folder / MANIFEST).is_file() else None
    if former is not None and former.imported_from:
        raise CaptureError(
            f"{folder} holds the dataset imported from {former.imported_from}: use Train, or choose another folder in "
            "Capture > Output > Folder"
        )
    if session.bounds is not None and folder == _captures and _same(session.bounds, bounds):
        return
    resume = former is not None and _same(former.bounds, bounds) and any(view.is_done for view in former.views.values())
    _open(session, scene, folder, bounds, _settings_seen_by(first_planned_camera(scene), bounds), resume)


def train(session: EngineSession, scene: bpy.types.Scene) -> None:
    """Start or go on training with the scene's settings; a run whose time is used up goes on for as long once more."""
    settings = scene.hashlight.training
    seconds = settings.seconds
    status = session.progress_made
    if status is not None:
        spent = status.seconds
    else:  # the engine has not said yet how the run stands; the .blend may know
        spent = scene.hashlight.run.seconds if session.is_resuming else 0.0
    is_finished = status is not None and status.state == "finished"
    if seconds and (is_finished or spent >= seconds):
        seconds += spent
    session.train(seconds=seconds or None, evaluate_every=settings.evaluate_every)


def smaller_preset(session: EngineSession, scene: bpy.types.Scene) -> str | None:
    """The preset that needs less memory than that of the run, or of the one that could not be opened; None when there
    is none."""
    preset = session.run.preset if session.run is not None else scene.hashlight.training.preset
    if preset == "auto" and session.welcome is not None:
        preset = _PRESETS_OF_DEVICES.get(session.welcome.device, preset)
    return _SMALLER_PRESETS.get(preset)


def _settings_for(dataset: CaptureDataset) -> dict[str, Any]:
    """The training settings that follow from captured or imported views."""
    if dataset.imported_from:
        return {name: dataset.settings[name] for name in _IMPORTED_SETTINGS if name in dataset.settings}
    return _settings_seen_by(next(iter(dataset.views.values())).camera, dataset.bounds)


def _settings_seen_by(camera: Camera, bounds: Bounds) -> dict[str, Any]:
    """The training settings by which the field's finest cells fit the pictures of ``camera``, a typical one."""
    return {"pixels_across": pixels_across(camera, bounds)}


def _open(
    session: EngineSession,
    scene: bpy.types.Scene,
    folder: Path,
    bounds: Bounds,
    overrides: dict[str, Any],
    resume: bool,
    color_space: ColorSpace = "linear",
) -> None:
    """Open the run; ``overrides`` are what its views ask for."""
    global _captures, _imported
    settings = scene.hashlight.training
    session.open_run(
        OpenRun(
            run=f"{session.source.subfolder}{RUN}",
            bounds=bounds,
            color_space=color_space,
            preset=settings.preset,
            seed=settings.seed,
            resume=resume,
            overrides=overrides,
        )
    )
    _captures, _imported = folder, None if folder == _imported else _imported


def _same(one: Bounds, other: Bounds) -> bool:
    return np.allclose([one.minimum, one.maximum], [other.minimum, other.maximum], rtol=0.0, atol=1e-5)


def _on_captured_view(
    name: str, split: Split, camera: Camera, color: np.ndarray, depth: np.ndarray | None, seconds: float
) -> None:
    """A view was captured: send it on, if it belongs to the run that is open."""
    session = registry.current()
    if session is None or _captures is None or capture_folder(bpy.context.scene) != _captures:
        return
    message = AddView(name=name, split=split, camera=camera, color=color, depth=depth, render_seconds=seconds)
    session.add_view(name, functools.partial(read_view, _captures, name), message)
    if split == "train" and session.wants_training and session.is_trained:
        # The planned time is over before the capture is: a view that comes now is to be learnt all the same.
        train(session, bpy.context.scene)
    if bpy.app.background:
        registry.pump()  # no timer runs there


def register() -> None:
    """Listen to captures."""
    view_listeners.append(_on_captured_view)


def unregister() -> None:
    """Undo ``register``."""
    view_listeners.remove(_on_captured_view)
