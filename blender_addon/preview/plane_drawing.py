"""Shows the pictures of image planes in Solid and Wireframe shading too, where Blender shows no textures of meshes.

They are drawn where the planes are, with the scene's view transform. Image sequences are left out: Blender doesn't give
away the pixels of their frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from .material import find_premultiplied_picture
from .picture import revisions
from .plane import all_planes

if not bpy.app.background:  # there is nothing to draw with
    from . import display_table, drawing

TICK = 0.015  # seconds
UPLOAD = 0.003  # seconds that a tick may spend on handing a large picture to the graphics card
SHADINGS = {"SOLID", "WIREFRAME"}


@dataclass
class _Picture:
    """An image as it was at one of its revisions."""

    revision: int
    texture: drawing.PictureTexture


_shown: dict[str, _Picture] = {}  # by the image's name
_coming: tuple[str, _Picture] | None = None
_wanted: set[str] = set()  # images that are not shown as they are
_scenes: set[str] = set()  # whose tables are wanted
_buffer = np.empty(0, np.float32)  # pixels on their way; kept, for fresh memory is slow
_handlers: list[object] = []


def _draw() -> None:
    """Called by Blender when a viewport's scene is drawn."""
    context = bpy.context
    space, scene = context.space_data, context.scene
    if space.shading.type not in SHADINGS:
        return
    for plane in all_planes(scene):
        image = find_premultiplied_picture(plane)
        if image is None or not plane.visible_in_viewport_get(space):
            continue
        picture = _shown.get(image.name)
        if picture is None or picture.revision != revisions.get(image.name, 0):
            _wanted.add(image.name)
        _scenes.add(scene.name)
        table = display_table.find(scene)
        if picture is not None and table is not None:
            view = context.region_data
            view_to_clip = np.array(view.window_matrix) @ np.array(view.view_matrix)
            picture.texture.draw(view_to_clip @ drawing.picture_on_square(np.array(plane.matrix_world)), table)
    if (_wanted or _scenes) and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.0)


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
        _coming = _read(_wanted.pop())
    elif _coming is not None and _coming[1].texture.upload(UPLOAD):
        _shown[_coming[0]], _coming = _coming[1], None
        for name in [name for name in _shown if name not in bpy.data.images]:
            del _shown[name]
        _redraw()
    return TICK if _coming is not None or _wanted or _scenes else None


def _read(name: str) -> tuple[str, _Picture] | None:
    global _buffer
    image = bpy.data.images.get(name)
    if image is None or len(image.pixels) != (size := 4 * image.size[0] * image.size[1]) or not size:
        return None  # gone, unreadable, or not of our making
    if len(_buffer) != size:
        _buffer = np.empty(size, np.float32)
    image.pixels.foreach_get(_buffer)
    return name, _Picture(revisions.get(name, 0), drawing.PictureTexture(*image.size, _buffer))


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


@bpy.app.handlers.persistent
def _forget(*_: object) -> None:
    """Other files have other images of the same names."""
    global _coming
    _shown.clear()
    _wanted.clear()
    _scenes.clear()
    revisions.clear()
    _coming = None


def register() -> None:
    """Draw from now on, where there is a window."""
    if bpy.app.background:
        return
    _handlers.append(bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW"))
    bpy.app.handlers.load_post.append(_forget)


def unregister() -> None:
    """Undo ``register``."""
    if bpy.app.background:
        return
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), "WINDOW")
    bpy.app.handlers.load_post.remove(_forget)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    _forget()
