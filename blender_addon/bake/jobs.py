"""Bakes under way: started here, rendered by the engine, shown in the scene when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from engine.link.geometry import Bounds, Camera
from engine.link.messages import JobUpdate

from ..capture.errors import CaptureError
from ..preview.live import preview_camera
from ..preview.plane import choose_distance, fit_aspect, frustum_matrix
from ..session import registry
from ..session.engine_session import EngineSession
from ..session.trouble import Trouble
from .paths import animation_cameras, turntable_cameras
from .sequence import animate_plane, frame_files, show_sequence


@dataclass(frozen=True)
class _Bake:
    """What a finished bake needs to be shown; the scene by name, for undo invalidates anything else."""

    scene: str
    cameras: Sequence[Camera]
    bounds: Bounds
    follows_camera: bool
    frame_start: int


_bakes: dict[str, _Bake] = {}
_last_job = ""


def start(session: EngineSession, scene: bpy.types.Scene, resume: bool) -> str:
    """Start the bake that the scene's settings describe; returns the job's name. Raises CaptureError, GeometryError."""
    global _last_job
    settings = scene.hashlight.bake
    name = bpy.path.clean_name(settings.name.strip())
    if not name:
        raise CaptureError("The bake has no name")
    if session.bounds is None:
        raise CaptureError("There is no run to bake from: train first")
    if name in _bakes and is_running(session, name):
        raise CaptureError(f"Bake {name} is under way already")
    follows_camera = settings.path == "ANIMATION"
    if follows_camera:
        cameras = animation_cameras(scene)
    else:
        cameras = turntable_cameras(scene, session.bounds)
    _bakes[name] = _Bake(scene.name, cameras, session.bounds, follows_camera, scene.frame_start)
    _last_job = name
    output = f"{session.source.subfolder}bakes/{name}"
    session.start_bake(
        name,
        cameras,
        output,
        image_format=settings.image_format,
        video=f"{output}/{name}.mp4" if settings.use_video else None,
        fps=scene.render.fps / scene.render.fps_base,
        resume=resume,
    )
    return name


def last_update(session: EngineSession) -> JobUpdate | None:
    """How the bake that was started last stands."""
    return session.jobs.get(_last_job)


def is_running(session: EngineSession, job: str) -> bool:
    """Whether a bake is under way."""
    update = session.jobs.get(job)
    return update is not None and update.state == "running"


def cancel(session: EngineSession) -> None:
    """Stop the bake under way; its finished frames stay, and resuming it renders only the others."""
    if _last_job:
        session.cancel_job(_last_job)


def _on_update(session: EngineSession, update: JobUpdate) -> None:
    bake = _bakes.get(update.job)
    if bake is None or update.state != "done":
        return
    scene = bpy.data.scenes.get(bake.scene)
    if scene is None:
        return
    files = frame_files(update.files)
    if not files or not files[0].is_file():
        where = files[0].parent if files else update.job
        session.trouble = Trouble(f"Bake {update.job} is done, but its frames are not on this machine: {where}")
        return
    plane = show_sequence(scene, files, bake.frame_start, cyclic=not bake.follows_camera)
    animate_plane(plane, _plane_matrices(scene, bake), bake.frame_start)
    scene.hashlight.preview.shown = "BAKE"


def _plane_matrices(scene: bpy.types.Scene, bake: _Bake) -> list[np.ndarray]:
    """Where the plane stands: in the frustum of each frame's camera; for a turntable, in that of the scene camera."""
    place = scene.hashlight.preview.place
    if bake.follows_camera:
        return [frustum_matrix(camera, choose_distance(camera, bake.bounds, place)) for camera in bake.cameras]
    first = bake.cameras[0]
    try:
        viewer = preview_camera(scene)
    except CaptureError:
        viewer = first
    matrix = frustum_matrix(viewer, choose_distance(viewer, bake.bounds, place))
    return [fit_aspect(matrix, first.width / first.height)]


def register() -> None:
    """Listen to the engine."""
    registry.listen(JobUpdate, _on_update)


def unregister() -> None:
    """Undo ``register``."""
    registry.stop_listening(JobUpdate, _on_update)
    _bakes.clear()
