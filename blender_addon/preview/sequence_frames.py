"""The frames of image sequences on planes, read from disk: Blender doesn't give away their pixels."""

from __future__ import annotations

import re
from pathlib import Path

import bpy
import numpy as np

from engine.link.color import decode_srgb

from ..picture_files.exr import read_exr
from ..picture_files.png import read_png
from .picture import to_blender_pixels

_UNIT = (np.arange(256) / 255.0).astype(np.float32)
_LINEAR = decode_srgb(_UNIT).astype(np.float32)


def find_frame_file(node: bpy.types.ShaderNodeTexImage, frame: int) -> Path | None:
    """The file that an image sequence shows at a frame of the scene; None before it begins."""
    image, user = node.image, node.image_user
    position = frame - user.frame_start
    if user.use_cyclic and user.frame_duration:
        position %= user.frame_duration
    if position < 0:
        return None
    number = min(position + 1, user.frame_duration) + user.frame_offset
    path = Path(bpy.path.abspath(image.filepath, library=image.library))
    stem = re.sub(r"\d*$", lambda digits: f"{number:0{len(digits[0])}d}", path.stem, count=1)
    return path.with_name(stem + path.suffix)


def read_frame(path: Path) -> tuple[tuple[int, int], np.ndarray]:
    """Width and height of a bake's frame, and its pixels: [H * W * 4] float32 premultiplied scene-linear, rows from the
    bottom up. EXR files are so, PNG files have sRGB with straight alpha. From any thread. Raises OSError, ValueError.
    """
    if path.suffix.lower() == ".exr":
        channels = read_exr(path)
        if missing := {"R", "G", "B", "A"} - channels.keys():
            raise ValueError(f"it has no channel {', '.join(sorted(missing))}")
        color = np.stack([channels[name] for name in "RGBA"], axis=2).astype(np.float16, copy=False)
        pixels = to_blender_pixels(color)
    else:
        color = read_png(path)
        pixels = _to_premultiplied(color[::-1]).reshape(-1)
    height, width = color.shape[:2]
    return (width, height), pixels


def _to_premultiplied(color: np.ndarray) -> np.ndarray:
    """[H, W, 4] float32 premultiplied scene-linear of [H, W, 3 or 4] uint8 sRGB with straight alpha."""
    pixels = np.ones((*color.shape[:2], 4), np.float32)
    np.take(_LINEAR, color[..., :3], out=pixels[..., :3])
    if color.shape[2] == 4:
        np.take(_UNIT, color[..., 3], out=pixels[..., 3])
        pixels[..., :3] *= pixels[..., 3:]
    return pixels
