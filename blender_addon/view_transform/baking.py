"""What Blender displays for colours, under a scene's colour management.

Blender applies it to images that it saves, so one whose pixels are those colours tells: by view transform, look,
curves, white balance and display as they are set, whatever the version makes of them. Gamma is left to who uses the
result, and so is exposure unless there are curves, which come before it: both are what one turns while looking.

This module is also a script that a Blender without a window runs (``table_process``): on its own, it imports nothing of
ours.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np

_VIEW_SETTINGS = ("view_transform", "look", "use_white_balance", "white_balance_temperature", "white_balance_tint")
_DISPLAY, _EXPOSURE, _CURVES = "display_device", "exposure", "curves"
_CURVE_SETTINGS = ("tone", "extend", "use_clip", "clip_min_x", "clip_min_y", "clip_max_x", "clip_max_y")
_CURVE_COLORS = ("black_level", "white_level")


def display_settings(scene: bpy.types.Scene) -> dict[str, Any]:
    """All that ``display_colors`` depends on, ready for JSON."""
    view = scene.view_settings
    settings = {_DISPLAY: scene.display_settings.display_device}
    settings |= {name: getattr(view, name) for name in _VIEW_SETTINGS if hasattr(view, name)}
    if view.use_curve_mapping:
        settings |= {_EXPOSURE: view.exposure, _CURVES: _describe_curves(view.curve_mapping)}
    return settings


def exposure_and_exponent(scene: bpy.types.Scene) -> tuple[float, float]:
    """The factor of scene-linear light that is still due before ``display_colors``, and the power to which displayed
    values are to be raised after it."""
    view = scene.view_settings
    return 1.0 if view.use_curve_mapping else 2.0**view.exposure, 1.0 / max(view.gamma, 1e-6)


def display_colors(colors: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """The display's values, 0..1, of scene-linear ``colors``; both [H, W, 3] float32.

    Not while Blender draws: it needs a scene and two images for a moment, and some tenths of a second where Blender has
    not used the view transform yet. Raises RuntimeError.
    """
    height, width = colors.shape[:2]
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = colors
    temporary = bpy.data.scenes.new("Hashlight Display")
    source = bpy.data.images.new("Hashlight Display", width, height, float_buffer=True)
    try:
        _set_up(temporary, settings)
        source.pixels.foreach_set(pixels.reshape(-1))
        with tempfile.TemporaryDirectory(prefix="hashlight-") as folder:
            path = Path(folder) / "display.png"
            source.save_render(str(path), scene=temporary)
            return _read(path).reshape(pixels.shape)[..., :3]
    finally:
        bpy.data.images.remove(source)
        bpy.data.scenes.remove(temporary)


def _set_up(scene: bpy.types.Scene, settings: Mapping[str, Any]) -> None:
    view = scene.view_settings
    scene.display_settings.display_device = settings[_DISPLAY]
    view.exposure, view.gamma = settings.get(_EXPOSURE, 0.0), 1.0
    for name in _VIEW_SETTINGS:
        if name in settings:
            setattr(view, name, settings[name])
    if _CURVES in settings:
        view.use_curve_mapping = True
        _set_curves(view.curve_mapping, settings[_CURVES])
    output = scene.render.image_settings
    output.file_format, output.color_mode, output.color_depth = "PNG", "RGB", "16"
    output.compression = 0


def _describe_curves(mapping: bpy.types.CurveMapping) -> dict[str, Any]:
    described = {name: getattr(mapping, name) for name in _CURVE_SETTINGS}
    described |= {name: list(getattr(mapping, name)) for name in _CURVE_COLORS}
    described["points"] = [[[*point.location, point.handle_type] for point in curve.points] for curve in mapping.curves]
    return described


def _set_curves(mapping: bpy.types.CurveMapping, described: Mapping[str, Any]) -> None:
    for name in (*_CURVE_SETTINGS, *_CURVE_SETTINGS, *_CURVE_COLORS):  # twice: Blender keeps a range's ends in order
        setattr(mapping, name, described[name])
    mapping.initialize()
    for curve, points in zip(mapping.curves, described["points"], strict=True):
        while len(curve.points) > 2:
            curve.points.remove(curve.points[1])
        while len(curve.points) < len(points):
            curve.points.new(0.5, 0.5)
        for point, (x, y, handle) in zip(curve.points, points, strict=True):
            point.location, point.handle_type = (x, y), handle
    mapping.update()


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
    """Display the colours in a .npy file by the settings (JSON); these, that file and the .npy file to write follow
    ``--`` on the command line."""
    settings, source, target = sys.argv[sys.argv.index("--") + 1 :]
    np.save(target, display_colors(np.load(source, allow_pickle=False), json.loads(settings)))


if __name__ == "__main__":
    main()
