"""The numbered picture files of a bake: written, recognised as finished, read back for a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from engine.data.color import composite_for_display, decode_srgb, encode_srgb, to_uint8
from engine.data.exr import read_exr, write_exr
from engine.data.png import encode_png
from engine.files import written_atomically
from engine.link.geometry import Camera

if TYPE_CHECKING:
    from engine.rendering.renderer import Picture


class FrameWriter:
    """Where and how the frames of one bake lie in ``folder``; frame ``index`` 0 is number 1. Raises OSError."""

    def __init__(self, folder: Path, image_format: Literal["png", "exr"], transparent: bool, depth: bool) -> None:
        self.folder = folder
        self.image_format = image_format
        self.transparent = transparent
        self.depth = depth

    def color_path(self, index: int) -> Path:
        """The colour picture of a frame."""
        return self.folder / f"frame_{index + 1:04d}.{self.image_format}"

    def depth_path(self, index: int) -> Path:
        """The depth picture of a frame. EXR frames hold depth as well, but not every program finds it there: Blender's
        compositor, for one, has no socket for it."""
        return self.folder / f"depth_{index + 1:04d}.exr"

    def write(self, index: int, picture: Picture) -> None:
        """Write a frame; each file appears whole or not at all."""
        if self.depth:
            write_exr(self.depth_path(index), {"V": picture.to_scene_linear()[1]})
        if self.image_format == "exr":
            color, depth = picture.to_scene_linear()
            channels = {"RGBA": color if self.transparent else _opaque(color)}
            write_exr(self.color_path(index), channels | ({"Z": depth} if self.depth else {}))
            return
        pixels = picture.to_srgb8(None if self.transparent else 0.0)
        with written_atomically(self.color_path(index)) as temporary:
            temporary.write_bytes(encode_png(pixels))

    def is_finished(self, index: int, camera: Camera) -> bool:
        """Whether a frame is there, can be read to its end and has the camera's size."""
        size = (camera.height, camera.width)
        try:
            if self._read(index).shape[:2] != size:
                return False
            return not self.depth or read_exr(self.depth_path(index))["V"].shape == size
        except (OSError, SyntaxError, KeyError, ValueError):
            return False

    def read_for_display(self, index: int, linear: bool, transparent: bool) -> np.ndarray:
        """A finished frame for a video: [H, W, 3] uint8 sRGB on black, or [H, W, 4] with straight alpha if
        ``transparent``. ``linear``: transparency was meant in linear colour."""
        pixels = self._read(index)
        if transparent:
            return _straight_srgb(pixels) if self.image_format == "exr" else pixels
        if self.image_format == "exr":
            return to_uint8(composite_for_display(pixels, "linear", "black"))
        if pixels.shape[2] == 3:
            return pixels
        unit = pixels.astype(np.float32) / 255.0
        rgb, alpha = unit[..., :3], unit[..., 3:]
        premultiplied = np.concatenate([(decode_srgb(rgb) if linear else rgb) * alpha, alpha], axis=2)
        return to_uint8(composite_for_display(premultiplied, "linear" if linear else "srgb", "black"))

    def _read(self, index: int) -> np.ndarray:
        path = self.color_path(index)
        if self.image_format == "exr":
            channels = read_exr(path)
            if self.depth and "Z" not in channels:
                raise KeyError("Z")
            return channels["RGBA"]
        with Image.open(path) as image:
            return np.array(image)


def _straight_srgb(color: np.ndarray) -> np.ndarray:
    """uint8 sRGB with straight alpha of premultiplied scene-linear colour, both [H, W, 4]."""
    color = color.astype(np.float32)
    alpha = np.clip(color[..., 3:], 0.0, 1.0)
    straight = np.divide(color[..., :3], alpha, out=np.zeros_like(color[..., :3]), where=alpha > 0)
    return to_uint8(np.concatenate([encode_srgb(straight), alpha], axis=2))


def _opaque(color: np.ndarray) -> np.ndarray:
    """Premultiplied colour [H, W, 4] on black."""
    color = color.copy()
    color[..., 3] = 1.0
    return color
