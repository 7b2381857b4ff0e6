"""Shows the pictures of image planes in Solid and Wireframe shading too, where Blender shows no textures of meshes.

They are drawn where the planes are, with the scene's view transform: stills as they are in Blender's memory, the frames
of a bake as they are on disk.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from engine.link.messages import RunOpened

from .. import app_handlers
from ..background import Task
from ..session import registry
from ..session.engine_session import EngineSession
from .material import find_picture_node
from .picture import forget_changes, read_pixels, revisions
from .plane import all_planes
from .sequence_frames import find_frame_file, read_frame

if not bpy.app.background:  # there is nothing to draw with
    from . import display_table, drawing

TICK = 0.015  # seconds
UPLOAD = 0.003  # seconds that a tick may spend on handing a large picture to the graphics card
SHADINGS = {"SOLID", "WIREFRAME"}


@dataclass(frozen=True)
class _Picture:
    """What an image shows: at one of its revisions, and if it is a sequence in one of its files."""

    image: str  # its name
    revision: int
    file: Path | None


class _Coming:
    """A picture on its way to the graphics card. Once ``advance`` says so it is there, or will never be: then
    ``texture`` is None."""

    def __init__(self, picture: _Picture) -> None:
        self.picture = picture
        self.texture: drawing.PictureTexture | None = None
        self._reading: Task[tuple[tuple[int, int], np.ndarray]] | None = None
        if picture.file is None:
            self.texture = _make_texture(picture.image)
        else:
            self._reading = Task(functools.partial(read_frame, picture.file), "hashlight-read-frame")

    def advance(self) -> bool:
        """Go on for ``UPLOAD`` seconds; returns whether it is over."""
        if self._reading is not None:
            if self._reading.is_running:
                return False
            with contextlib.suppress(OSError, ValueError):  # it is missing or no good: Blender's own shadings show that
                size, pixels = self._reading.result()
                self.texture = drawing.PictureTexture(*size, pixels)
            self._reading = None
        return self.texture is None or self.texture.upload(UPLOAD)


@dataclass
class _Shown:
    """A picture that can be drawn, and where its plane last stood while it was the right one: a later picture may
    belong elsewhere."""

    picture: _Picture
    texture: drawing.PictureTexture | None
    square_to_world: np.ndarray | None = None  # [4, 4]


_shown: dict[str, _Shown] = {}  # by the image's name
_wanted: dict[str, _Picture] = {}  # those that are not shown yet, likewise
_coming: _Coming | None = None
_scenes: set[str] = set()  # whose tables are wanted
_draw_handlers: list[object] = []


def _draw() -> None:
    """Called by Blender when a viewport's scene is drawn."""
    context = bpy.context
    space, scene = context.space_data, context.scene
    if registry.current() is not None:  # its engine takes longer to start: better now than with the first picture
        drawing.warm_up()
    if space.shading.type not in SHADINGS:
        return
    for plane in all_planes(scene):
        picture = _find_picture(plane, scene.frame_current)
        if picture is None or not plane.visible_get(view_layer=context.view_layer, viewport=space):
            continue
        shown = _shown.get(picture.image)
        if shown is None or shown.picture != picture:
            _wanted[picture.image] = picture
        else:
            shown.square_to_world = np.array(plane.matrix_world)
        _scenes.add(scene.name)
        table = display_table.find(scene)
        if shown is not None and shown.texture is not None and shown.square_to_world is not None and table is not None:
            view = context.region_data
            view_to_clip = np.array(view.window_matrix) @ np.array(view.view_matrix)
            shown.texture.draw(view_to_clip @ drawing.picture_on_square(shown.square_to_world), table)
    if (_wanted or _scenes) and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.0)


def _find_picture(plane: bpy.types.Object, frame: int) -> _Picture | None:
    """What ``plane`` shows at a frame of the scene; None when that can't be drawn here."""
    node = find_picture_node(plane)
    if node is None:
        return None
    image = node.image
    file = find_frame_file(node, frame) if image.source == "SEQUENCE" else None
    is_ours = image.source in {"GENERATED", "FILE"} and image.alpha_mode == "CHANNEL_PACKED"
    if file is None and not is_ours:
        return None
    return _Picture(image.name, revisions.get(image.name, 0), file)


def _tick() -> float | None:
    """Go on with what drawing found to be missing."""
    global _coming
    for name in tuple(_scenes):
        scene = bpy.data.scenes.get(name)
        if scene is not None and display_table.refresh(scene):
            _redraw()
        if scene is None or display_table.is_current(scene):
            _scenes.discard(name)
    if _coming is None and _wanted:
        _coming = _Coming(_wanted.popitem()[1])
    elif _coming is not None and _coming.advance():
        _shown[_coming.picture.image] = _Shown(_coming.picture, _coming.texture)
        _coming = None
        for name in [name for name in _shown if name not in bpy.data.images]:
            del _shown[name]
        _redraw()
    return TICK if _coming is not None or _wanted or _scenes else None


def _make_texture(name: str) -> drawing.PictureTexture | None:
    """The still in Blender's memory; None when it is gone, unreadable, or not of our making."""
    image = bpy.data.images.get(name)
    if image is None or len(image.pixels) != (size := 4 * image.size[0] * image.size[1]) or not size:
        return None
    return drawing.PictureTexture(*image.size, read_pixels(image))


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def _forget(*_: object) -> None:
    """Other files have other images of the same names."""
    global _coming
    _shown.clear()
    _wanted.clear()
    _scenes.clear()
    forget_changes()
    _coming = None


def _on_run(session: EngineSession, run: RunOpened) -> None:
    _redraw()  # a viewport that rests gets ready for pictures, too


_LISTENERS = ((RunOpened, _on_run),)
_HANDLERS = ((bpy.app.handlers.load_post, _forget),)


def register() -> None:
    """Draw from now on, where there is a window."""
    if bpy.app.background:
        return
    _draw_handlers.append(bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW"))
    registry.listen(_LISTENERS)
    app_handlers.add(_HANDLERS)


def unregister() -> None:
    """Undo ``register``."""
    if bpy.app.background:
        return
    while _draw_handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_draw_handlers.pop(), "WINDOW")
    registry.stop_listening(_LISTENERS)
    app_handlers.remove(_HANDLERS)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _forget()
