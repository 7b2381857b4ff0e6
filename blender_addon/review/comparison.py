"""One captured view compared: its neural picture is asked for, set against the truth, and shown on a plane.

A worker thread reads the truth and does the sums, for they take longer than Blender may wait. Scenes are kept by name:
undo and file loads invalidate anything else.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from engine.link.geometry import Bounds, Camera
from engine.link.messages import ColorSpace, Frame, RunOpened, Status
from engine.link.scoring import describe_quality

from .. import app_handlers, undo_steps
from ..background import Task, describe_failure
from ..capture.captured_views import find_depth, find_extent, find_truth, find_view, read_depth, read_truth
from ..durations import describe_seconds
from ..preview import requests
from ..preview.material import ensure_material, picture_node
from ..preview.picture import to_blender_pixels, update_image
from ..preview.plane import choose_distance, ensure_plane, find_plane, fit_aspect, frustum_matrix
from ..preview.requests import Channel
from ..session import registry
from ..session.engine_session import EngineSession
from ..session.failure import Failure
from .pictures import Mode, compose, subject_psnr


@dataclass
class _Comparison:
    """The view that is compared, and how far that has come."""

    scene: str
    view: str
    camera: Camera
    shown_before: str  # which plane, as the scene's settings have it
    truth_path: Path
    depth_path: Path | None
    color_space: ColorSpace
    bounds: Bounds
    extent: Bounds  # outside of which the field is empty
    request: int = 0  # 0: none pending
    take: str = ""  # whose field was asked for last
    step: int = -1  # of the neural picture that is shown
    seconds: float = 0.0  # of training behind it
    is_outdated: bool = False  # a run was opened since, which may have fewer steps
    neural: np.ndarray | None = None
    truth: np.ndarray | None = None
    depth: np.ndarray | None = None
    psnr: float | None = None  # over the subject; None as long as nothing is shown, or where it isn't to be seen
    has_failed: bool = False  # the last try; why is among the engine's troubles


@dataclass(frozen=True, eq=False)
class _Composed:
    """What a thread has made of a neural picture and the captured one: ``pixels`` as Blender keeps a picture of this
    width and height."""

    truth: np.ndarray
    depth: np.ndarray | None
    psnr: float | None
    size: tuple[int, int]
    pixels: np.ndarray


@dataclass
class _Work:
    """The newest pictures on their way to the plane."""

    comparison: _Comparison
    task: Task[_Composed]


# What is where, for people who haven't opened the list of modes.
_PARTS: dict[Mode, str] = {
    "SIDE_BY_SIDE": "the field left, captured right",
    "DIFFERENCE": "the difference",
    "NEURAL": "the field",
    "TRUTH": "captured",
}

_current: _Comparison | None = None
_work: _Work | None = None


def begin(session: EngineSession, scene: bpy.types.Scene, name: str) -> None:
    """Compare captured view ``name`` as the field is now. Raises CaptureError when there is no such view, or no run."""
    global _current
    view = find_view(scene, name)
    path, color_space = find_truth(scene, name)
    depth_path, extent = find_depth(scene, name), find_extent(scene, name)
    bounds = session.bounds or extent
    is_next = _current is not None and _current.scene == scene.name
    before = _current.shown_before if is_next else scene.hashlight.preview.shown
    _current = _Comparison(scene.name, name, view.camera, before, path, depth_path, color_space, bounds, extent)
    _ask(session, _current)


def end(scene: bpy.types.Scene) -> None:
    """Compare nothing in ``scene`` any more, and show the plane that was there before, if one was."""
    global _current
    before = "NONE"
    if _current is not None and _current.scene == scene.name:
        before, _current = _current.shown_before, None
    scene.hashlight.preview.shown = "NONE" if before == "COMPARISON" else before


def is_on_plane(scene: bpy.types.Scene) -> bool:
    """Whether ``scene`` shows a comparison, of this session or one that is in the file."""
    return scene.hashlight.preview.shown == "COMPARISON" and find_plane(scene, "comparison") is not None


def describe(scene: bpy.types.Scene) -> str:
    """What is compared, as text; empty when nothing is."""
    if _current is None or (_current.scene, _current.take) != (scene.name, scene.hashlight.take):
        return ""
    if _current.has_failed:
        return f"{_current.view}: failed, see Engine Problem"
    if _current.truth is None:
        return f"{_current.view}: waiting for the engine"
    if find_plane(scene, "comparison") is None:  # an undo took it away, or the user
        return ""
    what = f"{_current.view}, {_PARTS[scene.hashlight.review.mode]}"
    if _current.psnr is None:
        return f"{what}: nothing of the subject is to be seen"
    words = describe_quality(_current.psnr)
    return f"{what}: PSNR {_current.psnr:.2f} dB ({words}) at {describe_seconds(_current.seconds)}"


def is_shown(view: str) -> bool:
    """Whether captured view ``view`` is the one compared, and its comparison is on the plane."""
    return _current is not None and _current.view == view and _current.truth is not None


def compose_again(scene: bpy.types.Scene) -> None:
    """Show the same two pictures in another way, as the settings are now."""
    if _current is not None and _current.scene == scene.name and _current.neural is not None:
        _start_work(scene, _current, _current.neural)


def _ask(session: EngineSession, comparison: _Comparison) -> None:
    comparison.request = requests.ask(session, Channel.COMPARISON, comparison.camera, exact=True)
    comparison.take = bpy.data.scenes[comparison.scene].hashlight.take


def _start_work(scene: bpy.types.Scene, comparison: _Comparison, neural: np.ndarray) -> None:
    global _work
    settings = scene.hashlight.review
    is_polled = _work is not None
    work = functools.partial(_compose, comparison, neural, settings.mode, settings.gain)
    _work = _Work(comparison, Task(work, "hashlight-compare"))
    if not is_polled:
        registry.poll_while(_take_result)


def _compose(comparison: _Comparison, neural: np.ndarray, mode: Mode, gain: float) -> _Composed:
    """From any thread. Raises CaptureError when the captured picture can't be read."""
    truth = comparison.truth if comparison.truth is not None else read_truth(comparison.truth_path)
    depth, color_space = comparison.depth, comparison.color_space
    if depth is None and comparison.depth_path is not None:
        depth = read_depth(comparison.depth_path)
    score = subject_psnr(neural, truth, depth, comparison.camera, comparison.extent, color_space)
    picture = compose(neural, truth, mode, gain, color_space)
    return _Composed(truth, depth, score, (picture.shape[1], picture.shape[0]), to_blender_pixels(picture))


def _take_result() -> bool:
    """Called by the pump: show what the thread has made. Returns whether to be called again."""
    global _work
    work = _work
    if work is not None and work.task.is_running:
        return True
    _work = None
    if work is None or work.comparison is not _current:
        return False
    comparison, error = work.comparison, work.task.error
    session, scene = registry.current(), bpy.data.scenes.get(comparison.scene)
    comparison.has_failed = error is not None
    if error is not None:
        if session is not None:
            words = str(error) if isinstance(error, ValueError) else describe_failure(error)
            session.failure = Failure(f"View {comparison.view} can't be compared: {words}", code="view")
    elif scene is not None:
        composed = work.task.result()
        comparison.truth, comparison.depth, comparison.psnr = composed.truth, composed.depth, composed.psnr
        show_comparison(scene, comparison.camera, comparison.bounds, composed.size, composed.pixels)
    return False


def show_comparison(
    scene: bpy.types.Scene, camera: Camera, bounds: Bounds, size: tuple[int, int], pixels: np.ndarray
) -> bpy.types.Object:
    """Put ``pixels``, those of a picture by ``pictures.compose`` as ``to_blender_pixels`` makes them, onto the scene's
    comparison plane, inside the frustum of ``camera``. ``size``: the picture's width and height."""
    is_new = find_plane(scene, "comparison") is None
    plane = ensure_plane(scene, "comparison")
    node = picture_node(ensure_material(plane, "premultiplied"))
    node.image = update_image(node.image, plane.name, size, pixels)
    distance = choose_distance(camera, bounds, scene.hashlight.preview.place)
    metric_aspect = (size[0] / camera.fx) / (size[1] / camera.fy)
    plane.matrix_world = Matrix(fit_aspect(frustum_matrix(camera, distance), metric_aspect))
    if is_new:
        undo_steps.push("Compare")
    return plane


def _on_frame(session: EngineSession, frame: Frame) -> None:
    comparison = _current
    if comparison is None or frame.request != comparison.request:
        return  # of another channel
    comparison.request = 0
    comparison.step, comparison.neural, comparison.is_outdated = frame.step, frame.color, False
    if session.status is not None and session.status.step:
        # Frames know their step alone; the status may be of some steps before or after.
        comparison.seconds = session.status.seconds * frame.step / session.status.step
    if (scene := bpy.data.scenes.get(comparison.scene)) is not None:
        _start_work(scene, comparison, frame.color)


def _on_status(session: EngineSession, status: Status) -> None:
    """Five times a second: ask for the view again if it is to keep up with training."""
    comparison = _current
    if comparison is None or not requests.is_next_due(Channel.COMPARISON):
        return
    scene = bpy.data.scenes.get(comparison.scene)
    if scene is None or not scene.hashlight.review.keep_up or scene.hashlight.preview.shown != "COMPARISON":
        return
    if comparison.is_outdated or status.step > comparison.step:
        _ask(session, comparison)


def _on_run(session: EngineSession, run: RunOpened) -> None:
    if _current is not None:
        if session.frame_requests.has_lost(_current.request):
            _current.request = 0
        _current.is_outdated = True


def _before_load(*_: object) -> None:
    global _current
    _current = None


_LISTENERS = ((Frame, _on_frame), (Status, _on_status), (RunOpened, _on_run))
_HANDLERS = ((bpy.app.handlers.load_pre, _before_load),)


def register() -> None:
    """Listen to the engine and to Blender."""
    registry.listen(_LISTENERS)
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    registry.stop_listening(_LISTENERS)
    app_handlers.remove(_HANDLERS)
    _before_load()
