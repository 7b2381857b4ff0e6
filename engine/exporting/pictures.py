"""Views as picture files that other programs read: colour in one of several kinds, depth in whole numbers, masks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from engine.data.color import BACKGROUNDS, Background, composite_for_display, premultiply, to_uint8
from engine.data.exr import write_exr
from engine.data.png import encode_png
from engine.data.views import View
from engine.exporting.exporters import PictureFormat
from engine.link.color import decode_srgb
from engine.rendering.display import DisplayEncoding

SUFFIXES: dict[PictureFormat, str] = {"png": ".png", "jpeg": ".jpg", "exr": ".exr"}
MILLIMETRE = 0.001
_MOST_STEPS = 65535
_COARSEST = 0.1  # metres, below which millimetres are too coarse for all of what depth there is
_QUALITY = 95


def displayed(view: View, encode: DisplayEncoding) -> npt.NDArray[np.uint8]:
    """The view's colours as they are shown, [H, W, 4] uint8 with straight alpha."""
    if view.color_space == "srgb":
        return np.asarray(view.color, np.uint8)
    light = np.asarray(view.color, np.float32)
    alpha = light[..., 3:]
    straight = np.divide(light[..., :3], alpha, out=np.zeros_like(light[..., :3]), where=alpha > 0.0)
    shown = encode(torch.from_numpy(straight)).numpy()
    # What lies over nothing is no colour of its own: black, as 8-bit captures have it.
    return to_uint8(np.dstack([np.where(alpha > 0.0, shown, 0.0), alpha.clip(0.0, 1.0)]))


def write_picture(
    path: Path, view: View, shown: npt.NDArray[np.uint8], file_format: PictureFormat, background: Background | None
) -> None:
    """Write the colour of a view, which is ``displayed`` as ``shown``. Raises OSError."""
    if file_format == "exr":
        write_exr(path, {"RGBA": _light(view, background)})
        return
    if background is None and file_format == "jpeg":
        background = "black"
    if background is not None:
        shown = to_uint8(composite_for_display(premultiply(shown, "srgb"), "srgb", background))
    elif (shown[..., 3] == 255).all():
        shown = shown[..., :3]
    if file_format == "jpeg":
        Image.fromarray(shown).save(path, quality=_QUALITY, subsampling=0)
    else:
        path.write_bytes(encode_png(np.ascontiguousarray(shown)))


def _light(view: View, background: Background | None) -> npt.NDArray[np.float16]:
    """Scene-linear premultiplied colour [H, W, 4]."""
    light = premultiply(view.color, view.color_space)
    if view.color_space == "srgb":
        alpha = light[..., 3:]
        straight = np.asarray(view.color[..., :3], np.float32) / 255.0
        light = np.dstack([decode_srgb(straight) * alpha, alpha])
    if background is not None:
        light[..., :3] += (1.0 - light[..., 3:]) * BACKGROUNDS[background]
        light[..., 3] = 1.0
    return light.astype(np.float16)


def depth_step(views: list[View]) -> float:
    """Metres of a step in 16-bit depth pictures: a millimetre, where that holds all that is known, else the power of
    ten that does."""
    known = [depth[np.isfinite(depth) & (depth > 0.0)] for view in views if (depth := view.depth) is not None]
    farthest = max((float(depth.max()) for depth in known if depth.size), default=1.0)
    if _COARSEST < farthest <= MILLIMETRE * _MOST_STEPS:
        return MILLIMETRE
    return float(10.0 ** math.ceil(math.log10(farthest / _MOST_STEPS)))


def write_depth(path: Path, view: View, step: float) -> None:
    """Write planar depth in steps of ``step`` metres as a 16-bit PNG, 0 where there is nothing or it isn't known.
    Raises OSError."""
    steps = np.zeros((view.camera.height, view.camera.width), np.uint16)
    if view.depth is not None:
        is_known = np.isfinite(view.depth) & (view.depth > 0.0)
        steps[is_known] = np.clip(np.round(view.depth[is_known] / step), 1, _MOST_STEPS).astype(np.uint16)
    Image.fromarray(steps).save(path)


def write_mask(path: Path, view: View) -> None:
    """Write which pixels count: 255, else 0. Raises OSError."""
    valid = view.valid
    size = (view.camera.height, view.camera.width)
    kept = np.full(size, 255, np.uint8) if valid is None else np.where(valid, np.uint8(255), np.uint8(0))
    Image.fromarray(kept).save(path)


def file_names(views: list[View], suffix: str) -> list[str]:
    """A file for each view, called as it is; without spaces, at which many readers of lists end a name."""
    names, taken = [], set()
    for view in views:
        stem = "_".join(view.name.split())
        name = stem
        for number in range(1, len(views) + 1):
            if name not in taken:
                break
            name = f"{stem}_{number}"
        taken.add(name)
        names.append(name + suffix)
    return names
