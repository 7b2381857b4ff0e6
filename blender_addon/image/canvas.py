"""What is learnt of an image, as an image of the file: a new picture of it whenever training has gone on."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from engine.link.image_plane import Rectangle, camera_of
from engine.link.messages import Frame, RunOpened, Status
from engine.link.primitives import SCORED_IMAGE

from .. import app_handlers, undo_steps
from ..preview import requests
from ..preview.picture import has_size, replace_image, write_pixels
from ..preview.preparation import Preparation, PreparedFrame
from ..preview.requests import Channel
from ..session import registry
from ..session.engine_session import EngineSession
from ..training import run
from ..training.files import names_of_files
from .source import SUFFIX

LONGEST_SIDE = 2048  # of the picture of a larger image


@dataclass
class _Pictures:
    """What was asked for, and the step that was shown last."""

    request: int = 0  # 0: none
    step: int = -1


_pictures = _Pictures()


def _begin() -> None:
    """Nothing of what is learnt has been shown yet."""
    global _pictures
    _pictures = _Pictures()
    _preparation.forget()


def _find_learnt(session: EngineSession) -> tuple[str, tuple[int, int]] | None:
    """The name of the image that the open run learns, and its width and height; None where it learns none, or is no run
    of this file's."""
    spec = session.primitive
    if session.run is None or spec is None or spec.image_size is None:
        return None
    if not any(run.session_of(scene) is session for scene in bpy.data.scenes):
        return None
    source = next((name for name in names_of_files(session) if name != SCORED_IMAGE), None)
    return None if source is None else (source, spec.image_size)


def neural_image(source: str) -> bpy.types.Image | None:
    """What is learnt of the image of that name."""
    return bpy.data.images.get(_name(source))


def _name(source: str) -> str:
    return source[: 63 - len(SUFFIX)] + SUFFIX


def _shown_size(width: int, height: int) -> tuple[int, int]:
    """Those of the picture of an image of that size."""
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _on_status(session: EngineSession, status: Status) -> None:
    """Five times a second: the moment to ask for the next picture, if there is anything new to see."""
    if not status.train_items or (learnt := _find_learnt(session)) is None:
        return
    _, size = learnt
    if status.step > max(_pictures.step, 0) and requests.is_next_due(Channel.IMAGE):
        camera = camera_of(Rectangle(0, 0, *size), size, _shown_size(*size))
        _pictures.request = requests.ask(session, Channel.IMAGE, camera)


def _on_frame(session: EngineSession, frame: Frame) -> None:
    if frame.request == _pictures.request:
        _pictures.request, _pictures.step = 0, frame.step
        _preparation.give(session, frame)


def _on_run(session: EngineSession, opened: RunOpened) -> None:
    _begin()


def _show(session: EngineSession, frame: PreparedFrame) -> None:
    if (learnt := _find_learnt(session)) is None:
        return
    source, size = learnt[0], (frame.camera.width, frame.camera.height)
    former = neural_image(source)
    if has_size(former, size):
        write_pixels(former, frame.pixels)
        return
    image = bpy.data.images.new(_name(source), *size, alpha=True, float_buffer=True)
    image.alpha_mode = "PREMUL"
    if former is not None:
        replace_image(former, image)
    write_pixels(image, frame.pixels)
    if former is None:
        _show_instead_of(source, image)
        undo_steps.push("Neural Image")


def _show_instead_of(source: str, image: bpy.types.Image) -> None:
    """In all Image Editors that show the image it is learnt from."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            space = area.spaces.active
            if isinstance(space, bpy.types.SpaceImageEditor) and space.image == bpy.data.images.get(source):
                space.image = image


_preparation = Preparation(_show)


def _before_load(*_: object) -> None:
    _begin()


def _before_save(*_: object) -> None:
    """Keep the pictures inside the .blend, which then opens as it is."""
    for image in bpy.data.images:
        if image.name.endswith(SUFFIX) and image.is_dirty:
            image.pack()


_LISTENERS = ((Frame, _on_frame), (Status, _on_status), (RunOpened, _on_run))
_HANDLERS = ((bpy.app.handlers.load_pre, _before_load), (bpy.app.handlers.save_pre, _before_save))


def register() -> None:
    """Listen to the engine and to Blender."""
    registry.listen(_LISTENERS)
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    registry.stop_listening(_LISTENERS)
    app_handlers.remove(_HANDLERS)
