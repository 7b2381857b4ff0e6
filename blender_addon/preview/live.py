"""Asking for pictures of the scene camera, and showing those that come.

Scenes are kept by name: undo and file loads invalidate anything else.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from dataclasses import dataclass

import bpy
from mathutils import Matrix

from engine.link.geometry import Camera
from engine.link.messages import Frame, RunOpened, Status

from .. import app_handlers, undo_steps
from ..capture.cameras import scene_camera
from ..capture.errors import CaptureError
from ..session import registry
from ..session.engine_session import EngineSession
from . import requests
from .material import ensure_material, find_picture_node, picture_node
from .picture import has_size, make_image, replace_image, write_pixels
from .plane import PlaneUse, choose_distance, ensure_plane, find_plane, frustum_matrix
from .preparation import Preparation, PreparedFrame
from .requests import Channel

_CANVAS = "Hashlight Canvas"  # an image of another size than the one on the plane, until its picture is there


@dataclass
class _Asking:
    """Where the pending picture belongs, and whether another follows it."""

    scene: str = ""
    request: int = 0  # 0: none
    marks: bool = False  # whether that is to be one with marks
    shown: tuple[int, Camera, bool] | None = None  # step, camera and marks of the last picture
    live: bool = False


_asking = _Asking()


def is_live() -> bool:
    """Whether pictures are asked for again and again."""
    return _asking.live


def begin(scene: bpy.types.Scene) -> None:
    """Ask for a new picture of ``scene`` whenever the last one is there and training went on or the camera moved."""
    _asking.live = True
    _asking.scene = scene.name
    with contextlib.suppress(CaptureError):  # no camera just now
        _ensure_canvas(scene, preview_camera(scene))


def end() -> None:
    """Stop asking; the last picture stays."""
    _asking.live = False


def request_picture(session: EngineSession, scene: bpy.types.Scene) -> None:
    """Ask for a picture of the scene camera as it stands now. Raises CaptureError when it can't be rendered from."""
    camera = preview_camera(scene)
    _ensure_canvas(scene, camera)
    _ask(session, scene, camera)


def preview_camera(scene: bpy.types.Scene) -> Camera:
    """The scene camera at the preview's resolution. Raises CaptureError when it can't be rendered from."""
    camera = scene_camera(scene)
    share = scene.hashlight.preview.percentage / 100
    return camera.resized(max(1, round(camera.width * share)), max(1, round(camera.height * share)))


def show_picture(scene: bpy.types.Scene, session: EngineSession, frame: PreparedFrame) -> bpy.types.Object:
    """Put a frame onto the scene's preview plane, in the frustum of the camera that it was rendered from."""
    canvas, is_new = _ensure_canvas(scene, frame.camera), find_plane(scene, "preview") is None
    plane = ensure_plane(scene, "preview")
    node = picture_node(ensure_material(plane, "premultiplied"))
    if node.image is None:
        node.image, canvas.name = canvas, plane.name
    elif node.image != canvas:
        replace_image(node.image, canvas)
    write_pixels(canvas, frame.pixels)
    if session.bounds is not None:
        distance = choose_distance(frame.camera, session.bounds, scene.hashlight.preview.place)
        plane.matrix_world = Matrix(frustum_matrix(frame.camera, distance))
    if is_new:
        undo_steps.push("Preview")
    return plane


def _ensure_canvas(scene: bpy.types.Scene, camera: Camera) -> bpy.types.Image:
    """An image for a picture of ``camera``: the one on the preview plane, or one for later while the size of that
    differs. Blender takes a while to make a large one, so it had better be there before the picture is."""
    plane = find_plane(scene, "preview")
    node = None if plane is None else find_picture_node(plane)
    size = (camera.width, camera.height)
    if node is not None and has_size(node.image, size):
        return node.image
    canvas = bpy.data.images.get(_CANVAS)
    if canvas is not None and not has_size(canvas, size):
        bpy.data.images.remove(canvas)
        canvas = None
    return canvas or make_image(_CANVAS, size)


def _prepare_canvas(scene_name: str, camera: Camera) -> bool:
    """Called by the pump, once: see that there is an image for the picture that was asked for."""
    if (scene := bpy.data.scenes.get(scene_name)) is not None:
        _ensure_canvas(scene, camera)
    return False


def _show(session: EngineSession, frame: PreparedFrame) -> None:
    if (scene := bpy.data.scenes.get(_asking.scene)) is not None:
        show_picture(scene, session, frame)


_preparation = Preparation(_show)


def _ask(session: EngineSession, scene: bpy.types.Scene, camera: Camera) -> None:
    if _asking.scene != scene.name:
        _asking.scene = scene.name
        _preparation.forget()
    _asking.marks = scene.hashlight.preview.mark_predicted
    _asking.request = requests.ask(session, Channel.CAMERA, camera, mark_predicted=_asking.marks)
    registry.poll_while(functools.partial(_prepare_canvas, scene.name, camera))


def _on_frame(session: EngineSession, frame: Frame) -> None:
    if frame.request != _asking.request:
        return  # of another channel
    _asking.request = 0
    _asking.shown = frame.step, frame.camera, _asking.marks
    _preparation.give(session, frame)


def _on_status(session: EngineSession, status: Status) -> None:
    """Five times a second: the moment to ask for the next live picture, if there is anything new to see."""
    if not _asking.live or not status.train_items or not requests.is_next_due(Channel.CAMERA):
        return
    scene = bpy.data.scenes.get(_asking.scene)
    if scene is None:
        return
    try:
        camera = preview_camera(scene)
    except CaptureError:
        return  # no camera just now
    last, marks = _asking.shown, scene.hashlight.preview.mark_predicted
    if last is None or status.step > last[0] or last[1].to_json() != camera.to_json() or last[2] != marks:
        _ask(session, scene, camera)


def _on_run(session: EngineSession, run: RunOpened) -> None:
    if session.frame_requests.has_lost(_asking.request):
        _asking.request = 0
    _asking.shown = None


def _before_load(*_: object) -> None:
    global _asking
    _asking = _Asking()
    _preparation.forget()


def _before_save(*_: object) -> None:
    """Keep the pictures inside the .blend, which then opens as it is."""
    kinds: tuple[PlaneUse, ...] = ("preview", "comparison")
    for scene, kind in itertools.product(bpy.data.scenes, kinds):
        plane = find_plane(scene, kind)
        image = picture_node(ensure_material(plane, "premultiplied")).image if plane is not None else None
        if image is not None and image.is_dirty:
            image.pack()


_LISTENERS = ((Frame, _on_frame), (Status, _on_status), (RunOpened, _on_run))
_HANDLERS = ((bpy.app.handlers.load_pre, _before_load), (bpy.app.handlers.save_pre, _before_save))


def register() -> None:
    """Listen to the engine and to Blender."""
    requests.register()
    registry.listen(_LISTENERS)
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    end()
    registry.stop_listening(_LISTENERS)
    requests.unregister()
    app_handlers.remove(_HANDLERS)
