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
_SLICE = 10  # of its blues are baked at a time
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


class TableBake:
    """A table in the making, a slice at a time: as a whole it would take longer than Blender may be kept waiting.

    The very first slice of a view transform still does, for Blender then builds its processor.
    """

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.key = settings_key(scene)
        self._device = scene.display_settings.display_device
        view = scene.view_settings
        self._settings = {name: getattr(view, name) for name in _SETTINGS if hasattr(view, name)}
        self._slices: list[np.ndarray] = []

    def advance(self) -> np.ndarray | None:
        """Bake the next slice; once it was the last, the display's values [blue, green, red, 4] float32, 0..1, for
        every colour of the lattice. Not while Blender draws: it needs a scene and an image for a moment. Raises
        RuntimeError."""
        done = len(self._slices) * _SLICE
        values = lattice()
        pixels = np.ones((min(_SLICE, SIZE - done), SIZE, SIZE, 4), np.float32)
        channels = np.meshgrid(values[done : done + _SLICE], values, values, indexing="ij")
        pixels[..., 2], pixels[..., 1], pixels[..., 0] = channels
        self._slices.append(self._apply(pixels.reshape(-1, SIZE, 4)).reshape(pixels.shape))
        return np.concatenate(self._slices) if done + _SLICE >= SIZE else None

    def _apply(self, pixels: np.ndarray) -> np.ndarray:
        """What Blender displays for a scene-linear picture [H, W, 4] float32, of the same shape."""
        height, width = pixels.shape[:2]
        temporary = bpy.data.scenes.new("Hashlight Display")
        source = bpy.data.images.new("Hashlight Display", width, height, float_buffer=True)
        try:
            self._set_up(temporary)
            source.pixels.foreach_set(pixels.reshape(-1))
            with tempfile.TemporaryDirectory(prefix="hashlight-") as folder:
                path = Path(folder) / "display.png"
                source.save_render(str(path), scene=temporary)
                return _read(path).reshape(pixels.shape)
        finally:
            bpy.data.images.remove(source)
            bpy.data.scenes.remove(temporary)

    def _set_up(self, scene: bpy.types.Scene) -> None:
        scene.display_settings.display_device = self._device
        for name, value in self._settings.items():
            setattr(scene.view_settings, name, value)
        settings = scene.render.image_settings
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
