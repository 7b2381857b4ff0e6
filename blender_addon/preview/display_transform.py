"""The scene's view transform as a table that a shader can apply.

What is drawn over the viewport is not colour managed by Blender, and its OpenColorIO processor is out of reach for
add-ons. But Blender applies it to images that it saves: one whose pixels are a lattice of colours becomes the table,
with view transform, look, white balance and display as they are set. Exposure and gamma are left to the shader: they
are what one turns while looking. Custom curves are not followed.

This module is also a script that a Blender without a window runs (``table_process``): on its own, it imports nothing of
ours.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np

SIZE = 40  # colours along each axis of the table
BRIGHTEST = 64.0  # scene-linear; above it all is white or clipped in Blender's own transforms
# Below about this the lattice is even, above it logarithmic. Chosen so that 1.0, where Standard clips, is an entry.
TOE = 0.0128848291

_VIEW_SETTINGS = ("view_transform", "look", "use_white_balance", "white_balance_temperature", "white_balance_tint")
_DISPLAY = "display_device"


def table_settings(scene: bpy.types.Scene) -> dict[str, Any]:
    """All that the table of ``scene`` depends on, ready for JSON."""
    view = scene.view_settings
    settings = {name: getattr(view, name) for name in _VIEW_SETTINGS if hasattr(view, name)}
    return {_DISPLAY: scene.display_settings.display_device} | settings


def settings_key(scene: bpy.types.Scene) -> Hashable:
    """``table_settings`` to compare: another key, another table."""
    return tuple(table_settings(scene).values())


def exposure_and_exponent(scene: bpy.types.Scene) -> tuple[float, float]:
    """By what scene-linear light is multiplied before the table, and to which power displayed values are raised after
    it."""
    view = scene.view_settings
    return 2.0**view.exposure, 1.0 / max(view.gamma, 1e-6)


def lattice() -> np.ndarray:
    """The scene-linear values [SIZE] float32 along each axis of the table: ``i`` stands at
    ``TOE * ((BRIGHTEST / TOE + 1) ** (i / (SIZE - 1)) - 1)``."""
    return (TOE * ((BRIGHTEST / TOE + 1.0) ** np.linspace(0.0, 1.0, SIZE) - 1.0)).astype(np.float32)


def bake_table(settings: Mapping[str, Any]) -> np.ndarray:
    """The display's values [blue, green, red, 4] float32, 0..1, for every colour of the lattice.

    Not while Blender draws: it needs a scene and two images for a moment, and some tenths of a second where Blender has
    not used the view transform yet. Raises RuntimeError.
    """
    pixels = np.ones((SIZE, SIZE, SIZE, 4), np.float32)
    pixels[..., 2], pixels[..., 1], pixels[..., 0] = np.meshgrid(*[lattice()] * 3, indexing="ij")
    return _apply(pixels.reshape(-1, SIZE, 4), settings).reshape(pixels.shape)


def _apply(pixels: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """What Blender displays for a scene-linear picture [H, W, 4] float32, of the same shape."""
    height, width = pixels.shape[:2]
    temporary = bpy.data.scenes.new("Hashlight Display")
    source = bpy.data.images.new("Hashlight Display", width, height, float_buffer=True)
    try:
        _set_up(temporary, settings)
        source.pixels.foreach_set(pixels.reshape(-1))
        with tempfile.TemporaryDirectory(prefix="hashlight-") as folder:
            path = Path(folder) / "display.png"
            source.save_render(str(path), scene=temporary)
            return _read(path).reshape(pixels.shape)
    finally:
        bpy.data.images.remove(source)
        bpy.data.scenes.remove(temporary)


def _set_up(scene: bpy.types.Scene, settings: Mapping[str, Any]) -> None:
    scene.display_settings.display_device = settings[_DISPLAY]
    scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0
    for name in _VIEW_SETTINGS:
        if name in settings:
            setattr(scene.view_settings, name, settings[name])
    output = scene.render.image_settings
    output.file_format, output.color_mode, output.color_depth = "PNG", "RGB", "16"
    output.compression = 0


def _read(path: Path) -> np.ndarray:
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        image.colorspace_settings.name = "Non-Color"
        pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
        image.pixels.foreach_get(pixels)
        return pixels
    finally:
        bpy.data.images.remove(image)


def main() -> None:
    """Bake the table of the settings (JSON) that follow ``--`` on the command line, into the .npy file named next."""
    settings, path = sys.argv[sys.argv.index("--") + 1 :]
    np.save(path, bake_table(json.loads(settings)))


if __name__ == "__main__":
    main()
