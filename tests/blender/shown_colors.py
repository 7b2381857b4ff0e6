"""What Blender writes for light, and how far two pictures of it are apart. Needs Blender alone."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from PIL import Image


def shown_by_blender(scene: bpy.types.Scene, color: np.ndarray, path: Path) -> np.ndarray:
    """Blender's own PNG, written to ``path``, of premultiplied light [H, W, 4]: uint8."""
    height, width = color.shape[:2]
    image = bpy.data.images.new("Light", width, height, alpha=True, float_buffer=True)
    image.pixels.foreach_set(np.ascontiguousarray(color[::-1], np.float32).reshape(-1))
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGBA", "8"
    scene.render.dither_intensity = 0.0
    image.save_render(str(path), scene=scene)
    bpy.data.images.remove(image)
    return read_png(path)


def read_png(path: Path) -> np.ndarray:
    """[H, W, 4] uint8."""
    with Image.open(path) as picture:
        return np.array(picture.convert("RGBA"))


def compare(
    scene: bpy.types.Scene, truth: np.ndarray, baked: np.ndarray, light: np.ndarray, field: np.ndarray, path: Path
) -> tuple[int, float, float]:
    """How many pixels two pictures both cover, and mean differences there, in steps of 255: of the picture ``baked``
    from ``truth``, both [H, W, 4] uint8, and of the premultiplied ``field`` from ``light``, both [H, W, 4] float32, as
    ``scene`` displays them. ``path`` is written over."""
    mapped, mapped_light = (shown_by_blender(scene, it, path) for it in (field, light))
    subject = (truth[..., 3] == 255) & (baked[..., 3] == 255)
    of_bake, of_field = (
        float(np.abs(one[subject][:, :3].astype(int) - other[subject][:, :3].astype(int)).mean())
        for one, other in ((baked, truth), (mapped, mapped_light))
    )
    return int(subject.sum()), of_bake, of_field
