"""The scene's view transform as a table that a shader can apply.

What is drawn over the viewport is not colour managed by Blender, and its OpenColorIO processor is out of reach for
add-ons. But Blender applies it to images that it saves: one whose pixels are a lattice of colours becomes the table,
with view transform, look, exposure, gamma and display all as they are set. Custom curves are not followed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Hashable
from pathlib import Path

import bpy
import numpy as np

SIZE = 40  # colours along each axis of the table
BRIGHTEST = 64.0  # scene-linear; above it all is white or clipped in Blender's own transforms
# Below about this the lattice is even, above it logarithmic. Chosen so that 1.0, where Standard clips, is an entry.
TOE = 0.0128848291

_SETTINGS = ("view_transform", "look", "exposure", "gamma", "use_white_balance", "white_balance_temperature")
_SETTINGS += ("white_balance_tint",)


def settings_key(scene: bpy.types.Scene) -> Hashable:
    """What the table of ``scene`` depends on: another key, another table."""
    view = scene.view_settings
    return (scene.display_settings.display_device, *(getattr(view, name, None) for name in _SETTINGS))


def lattice() -> np.ndarray:
    """The scene-linear values [SIZE] float32 along each axis of the table: ``i`` stands at
    ``TOE * ((BRIGHTEST / TOE + 1) ** (i / (SIZE - 1)) - 1)``."""
    return (TOE * ((BRIGHTEST / TOE + 1.0) ** np.linspace(0.0, 1.0, SIZE) - 1.0)).astype(np.float32)


def bake_table(scene: bpy.types.Scene) -> np.ndarray:
    """The display's values [blue, green, red, 4] float32, 0..1, for every colour of the lattice. Raises RuntimeError.

    Takes some milliseconds; not while Blender is drawing, since it needs a scene and an image for a moment.
    """
    values = lattice()
    pixels = np.ones((SIZE, SIZE, SIZE, 4), np.float32)
    pixels[..., 2], pixels[..., 1], pixels[..., 0] = np.meshgrid(values, values, values, indexing="ij")
    temporary = bpy.data.scenes.new("Hashlight Display")
    source = bpy.data.images.new("Hashlight Display", SIZE * SIZE, SIZE, float_buffer=True)
    try:
        _copy_settings(scene, temporary)
        source.pixels.foreach_set(pixels.reshape(-1))
        with tempfile.TemporaryDirectory(prefix="hashlight-") as folder:
            path = Path(folder) / "display.png"
            source.save_render(str(path), scene=temporary)
            return _read(path).reshape(SIZE, SIZE, SIZE, 4)
    finally:
        bpy.data.images.remove(source)
        bpy.data.scenes.remove(temporary)


def _copy_settings(scene: bpy.types.Scene, target: bpy.types.Scene) -> None:
    target.display_settings.display_device = scene.display_settings.display_device
    for name in _SETTINGS:
        if hasattr(scene.view_settings, name):
            setattr(target.view_settings, name, getattr(scene.view_settings, name))
    settings = target.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGB", "16"
    settings.compression = 0


def _read(path: Path) -> np.ndarray:
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        image.colorspace_settings.name = "Non-Color"
        pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
        image.pixels.foreach_get(pixels)
        return pixels
    finally:
        bpy.data.images.remove(image)
