"""From a scene's settings to the run of its open take: what it learns, from what, trained for how long."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from engine.link.capture_format import MANIFEST
from engine.link.geometry import Bounds
from engine.link.messages import AddView, ColorSpace, OpenRun, PrimitiveSpec, RadianceFieldSpec, Split
from engine.link.presets import AUTO, FEW_VIEWS, PRESETS_OF_DEVICES, may_be_guided
from engine.link.view_settings import view_settings

from ..capture.bounds import read_bounds
from ..capture.current_capture import capture_listeners, is_capturing, is_cpu_needed, view_listeners
from ..capture.dataset import CaptureDataset
from ..capture.errors import CaptureError
from ..capture.job import CaptureJob
from ..capture.poses import planned_cameras
from ..capture.valid_numbers import check_settings
from ..folders import capture_folder, take_path
from ..session import registry
from ..session.engine_session import EngineSession
from ..session.source import ensure_engine
from .captured import offer_captured_views, read_view
from .in_use import find_user
from .planned_time import PlannedTime

# What to train with instead when memory doesn't do.
_SMALLER_PRESETS = {"gpu": "cpu"}
_IMPORTED_SETTINGS = ("cascades", "pixels_across", "picture_side")  # in the manifest of an imported dataset

_captures: Path | None = None  # the capture folder whose views belong to the session's run
_imported: Path | None = None  # the one that was imported, with no run of its own yet
_time = PlannedTime()  # of that run
_scene_name = ""  # of the scene that is captured


def session_of(scene: bpy.types.Scene) -> EngineSession | None:
    """The session, if the run that is open in it is this scene's; running or not."""
    session = registry.current()
    if session is None or not session.wants_run or _captures is None:
        return None
    try:
        return session if capture_folder(scene) == _captures else None
    except ValueError:
        return None


def ensure_run(scene: bpy.types.Scene, anew: bool = False) -> EngineSession:
    """The session with the scene's run open, as it was left in this session or an earlier one; a new one if ``anew``.

    The engine gets all views that are captured. Raises CaptureError when nothing is, ValueError when there is no engine
    or folder, or another process works in the run.
    """
    session = None if anew else session_of(scene)
    if session is None:
        folder = capture_folder(scene)
        dataset = _captured_dataset(folder)
        require_free(scene)
        session = ensure_engine(scene)
        resume = not anew and folder != _imported
        primitive = _radiance_field(scene, dataset.bounds, dataset.color_space)
        open_run(session, scene, folder, primitive, _settings_for(dataset) | _guidance(scene), resume)
        offer_captured_views(session, folder)
    session.start()
    return session


def require_free(scene: bpy.types.Scene) -> None:
    """Raises ValueError when another process works in the run of ``scene``."""
    if user := find_user(scene):
        raise ValueError(user)


def is_training(session: EngineSession) -> bool:
    """Whether the engine is training, or is about to as soon as it has opened the run."""
    is_coming = session.status is None and session.failure is None and session.phase in ("starting", "ready")
    return session.wants_training and (session.is_training or is_coming)


def train_on_captured(scene: bpy.types.Scene, anew: bool) -> None:
    """Train the scene's run, going on where it stood unless ``anew``: then the engine sets the former run aside
    (``engine.run_folder``) when the new one has learnt something. Raises what ``ensure_run`` raises."""
    train(ensure_run(scene, anew), scene)


def open_capture() -> Path | None:
    """The capture folder of the run that was opened last; None when there is none."""
    return _captures


def leave(folder: Path) -> None:
    """The capture in ``folder`` is to be moved or replaced, with its run: if that is open, it is so no more."""
    global _captures
    if _captures == folder:
        _captures = None
        if (session := registry.current()) is not None:
            session.leave_run()


def begin_with_import(folder: Path) -> None:
    """A dataset was imported into ``folder``: a run that is open for it, or left by others, is not of these views."""
    global _imported
    _imported = folder
    leave(folder)


def note_moved(former: Path, present: Path) -> None:
    """All that was in folder ``former``, in which no engine works any more, is in ``present`` now."""
    global _imported
    if _imported is not None and _imported.is_relative_to(former):
        _imported = present / _imported.relative_to(former)


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
    else a new one. It goes by the views of the capture that was begun in the folder, if one was. Raises CaptureError
    when there are no bounds, ValueError when there is no folder.
    """
    check_settings(scene.hashlight.training)
    folder = capture_folder(scene)
    bounds = read_bounds(scene, bpy.context.evaluated_depsgraph_get())
    former = None if session.primitive is None else session.primitive.box
    if former is not None and folder == _captures and former.is_close(bounds):
        return
    views = list(CaptureDataset.open(folder).views.values()) if (folder / MANIFEST).is_file() else []
    resume = any(view.is_done for view in views)
    cameras = [view.camera for view in views] or planned_cameras(scene)
    settings = view_settings(cameras, bounds) | _guidance(scene)
    open_run(session, scene, folder, _radiance_field(scene, bounds), settings, resume)


def stop_waiting() -> None:
    """No view comes after all: nothing is to be trained just now, and a run without any view is open no more."""
    session = registry.current()
    if session is not None:
        session.pause()
        if _captures is not None and not session.views.count("waiting", "sent", "held", "refused"):
            leave(_captures)


def train(session: EngineSession, scene: bpy.types.Scene) -> None:
    """Start or go on training with the scene's settings; a run whose time is used up goes on for as long once more."""
    check_settings(scene.hashlight.training)
    status = session.progress_made
    is_finished = status is not None and status.state == "finished"
    seconds = _time.budget(scene.hashlight.training.seconds, _seconds_trained(session, scene), is_finished)
    _train_until(session, scene, seconds)


def awaited_views() -> int:
    """How many training views of the current capture the planned time begins with; 0 when it has begun."""
    return _time.awaited_views


def counted_since() -> float:
    """After how many seconds of training the planned time began."""
    return _time.since


def _seconds_trained(session: EngineSession, scene: bpy.types.Scene) -> float:
    """For how long the run was trained so far."""
    if session.progress_made is not None:
        return session.progress_made.seconds
    # The engine has not said yet how the run stands; the .blend may know.
    return scene.hashlight.run.seconds if session.is_resuming else 0.0


def _plan_anew(session: EngineSession, scene: bpy.types.Scene) -> None:
    """The capture has come further: if training is to use up its time differently because of that, say so."""
    told = session.training
    seconds = _time.budget(scene.hashlight.training.seconds, _seconds_trained(session, scene), is_finished=False)
    if told is not None and told.running and (told.seconds, told.since) != (seconds, _time.since):
        _train_until(session, scene, seconds)


def _train_until(session: EngineSession, scene: bpy.types.Scene, seconds: float | None) -> None:
    session.give_way(is_cpu_needed())
    session.train(seconds=seconds, since=_time.since, evaluate_every=scene.hashlight.training.evaluate_every)


def smaller_preset(session: EngineSession, scene: bpy.types.Scene) -> str | None:
    """The preset that needs less memory than that of the run, or of the one that could not be opened; None when there
    is none."""
    preset = session.run.preset if session.run is not None else scene.hashlight.training.preset
    if preset == AUTO and session.welcome is not None:
        preset = PRESETS_OF_DEVICES.get(session.welcome.device, preset)
    return _SMALLER_PRESETS.get(preset)


def _settings_for(dataset: CaptureDataset) -> dict[str, Any]:
    """The training settings that follow from captured or imported views."""
    if dataset.imported_from:
        return {name: dataset.settings[name] for name in _IMPORTED_SETTINGS if name in dataset.settings}
    return view_settings([view.camera for view in dataset.views.values()], dataset.bounds)


def _guidance(scene: bpy.types.Scene) -> dict[str, Any]:
    """The settings that have a prior guide a run where that is wanted; other fields never are."""
    settings = scene.hashlight.training
    return {"guided_views": FEW_VIEWS} if settings.use_prior and may_be_guided(settings.field) else {}


def _radiance_field(scene: bpy.types.Scene, bounds: Bounds, color_space: ColorSpace = "linear") -> RadianceFieldSpec:
    return RadianceFieldSpec(bounds=bounds, color_space=color_space, field=scene.hashlight.training.field)


def open_run(
    session: EngineSession,
    scene: bpy.types.Scene,
    folder: Path,
    primitive: PrimitiveSpec,
    overrides: Mapping[str, Any],
    resume: bool,
) -> None:
    """Open the run; ``overrides`` are what its data ask for."""
    global _captures, _imported
    if not (resume and folder == _captures):
        _time.begin_run(scene.hashlight.run.since if resume else 0.0, is_capturing())
    settings = scene.hashlight.training
    session.open_run(
        OpenRun(
            run=f"{session.source.subfolder}{take_path(scene)}run",
            primitive=primitive,
            preset=settings.preset,
            seed=settings.seed,
            resume=resume,
            overrides=dict(overrides),
        )
    )
    _captures, _imported = folder, None if folder == _imported else _imported


def _on_captured_view(
    name: str, split: Split, camera: Camera, color: np.ndarray, depth: np.ndarray | None, seconds: float
) -> None:
    """A view was captured: send it on, if it belongs to the run that is open."""
    session = registry.current()
    if session is None or _captures is None or capture_folder(bpy.context.scene) != _captures:
        return
    if not session.takes_views:
        return
    message = AddView(name=name, split=split, camera=camera, color=color, depth=depth, render_seconds=seconds)
    session.add_item(name, functools.partial(read_view, _captures, name), message)
    if bpy.app.background:
        registry.pump()  # no timer runs there
    if split == "train":
        scene = bpy.context.scene
        _time.note_view(scene.hashlight.training.seconds, _seconds_trained(session, scene))
        _plan_anew(session, scene)


def _on_capture(job: CaptureJob | None) -> None:
    """A capture begins, or (None) has ended. Rendering comes first meanwhile, whichever run it is for."""
    global _scene_name
    session = registry.current()
    if session is not None:
        session.give_way(job is not None and job.needs_cpu)
    if job is not None:
        _scene_name = bpy.context.scene.name
    scene = bpy.data.scenes.get(_scene_name)
    if session is None or scene is None or session_of(scene) is None:
        if job is None:
            _time.end_without_run()
        return
    if job is not None:
        _time.begin_capture(job.training_views)
    else:
        _time.end_capture(scene.hashlight.training.seconds, _seconds_trained(session, scene))
    _plan_anew(session, scene)


def register() -> None:
    """Listen to captures."""
    view_listeners.append(_on_captured_view)
    capture_listeners.append(_on_capture)


def unregister() -> None:
    """Undo ``register``."""
    view_listeners.remove(_on_captured_view)
    capture_listeners.remove(_on_capture)
