"""The numbered picture files of a bake: written, recognised as finished, read back for a video."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from engine.data.color import composite_for_display, to_uint8
from engine.data.exr import read_exr, write_exr
from engine.data.png import encode_png
from engine.link.arrays import Floats, Numbers
from engine.link.bake_files import depth_name, frame_name
from engine.link.color import decode_srgb
from engine.link.geometry import Camera
from engine.link.messages import ColorSpace, ImageFormat
from engine.link.part_files import written_atomically
from engine.rendering.display import Display, display_encoding_of

if TYPE_CHECKING:
    from engine.rendering.renderer import RenderedImage


@dataclasses.dataclass(frozen=True)
class FrameStyle:
    """How frames are written: in each of ``image_formats``, "png" as 8 bits with straight alpha (on black unless
    ``transparent``) and "exr" as scene-linear half floats, premultiplied (likewise). ``display`` says how light is
    shown in PNG frames and videos; a field that learnt sRGB is shown as it is. With ``depth``, planar depth in metres
    goes into channel V of a further picture, and into channel Z of EXR frames. With ``mark_predicted``
    surfaces that are predicted rather than captured are hatched."""

    image_formats: Sequence[ImageFormat] = ("png",)
    transparent: bool = True
    depth: bool = False
    display: Display = "standard"
    mark_predicted: bool = False


class FrameWriter:
    """Where and how the frames of one bake, of a field of this ``color_space``, lie in ``folder``; frame ``index`` 0 is
    number 1. Raises OSError."""

    def __init__(self, folder: Path, style: FrameStyle, color_space: ColorSpace) -> None:
        self.folder = folder
        self.image_formats = tuple(dict.fromkeys(style.image_formats))
        self.transparent, self.depth = style.transparent, style.depth
        self.display = style.display if color_space == "linear" else "standard"
        self._encode = display_encoding_of(self.display)

    def color_paths(self, index: int) -> list[Path]:
        """The colour pictures of a frame, one of each format."""
        return [self._color_path(index, image_format) for image_format in self.image_formats]

    def _color_path(self, index: int, image_format: ImageFormat) -> Path:
        return self.folder / frame_name(index, image_format)

    def depth_path(self, index: int) -> Path:
        """The depth picture of a frame. EXR frames hold depth as well, but not every program finds it there: Blender's
        compositor, for one, has no socket for it."""
        return self.folder / depth_name(index)

    def write(self, index: int, picture: RenderedImage) -> None:
        """Write a frame; each file appears whole or not at all."""
        if self.depth:
            write_exr(self.depth_path(index), {"V": picture.to_scene_linear()[1]})
        if "exr" in self.image_formats:
            color, depth = picture.to_scene_linear()
            channels = {"RGBA": color if self.transparent else _opaque(color)}
            write_exr(self._color_path(index, "exr"), channels | ({"Z": depth} if self.depth else {}))
        if "png" in self.image_formats:
            pixels = picture.to_bytes(None if self.transparent else 0.0, self._encode)
            with written_atomically(self._color_path(index, "png")) as temporary:
                temporary.write_bytes(encode_png(pixels))

    def is_finished(self, index: int, camera: Camera) -> bool:
        """Whether a frame is there, can be read to its end and has the camera's size."""
        size = (camera.height, camera.width)
        try:
            if any(self._read(index, kind).shape[:2] != size for kind in self.image_formats):
                return False
            return not self.depth or read_exr(self.depth_path(index))["V"].shape == size
        except (OSError, SyntaxError, KeyError, ValueError):
            return False

    def read_for_display(self, index: int, linear: bool, transparent: bool) -> npt.NDArray[np.uint8]:
        """A finished frame for a video: [H, W, 3] uint8 display values on black, or [H, W, 4] with straight alpha if
        ``transparent``. ``linear``: transparency was meant in linear colour."""
        if "exr" in self.image_formats:
            light = self._read(index, "exr").astype(np.float32)
            return self._to_straight(light) if transparent else to_uint8(self._to_display(light[..., :3]))
        pixels = np.asarray(self._read(index, "png"), np.uint8)
        if transparent or pixels.shape[2] == 3:
            return pixels
        unit = pixels.astype(np.float32) / 255.0
        rgb, alpha = unit[..., :3], unit[..., 3:]
        premultiplied = np.concatenate([(decode_srgb(rgb) if linear else rgb) * alpha, alpha], axis=2)
        return to_uint8(composite_for_display(premultiplied, "linear" if linear else "srgb", "black"))

    def _read(self, index: int, image_format: ImageFormat) -> Numbers:
        path = self._color_path(index, image_format)
        if image_format == "exr":
            channels = read_exr(path)
            if self.depth and "Z" not in channels:
                raise KeyError("Z")
            return channels["RGBA"]
        with Image.open(path) as image:
            return np.array(image)

    def _to_straight(self, color: Floats) -> npt.NDArray[np.uint8]:
        """uint8 display values with straight alpha of premultiplied scene-linear colour, both [H, W, 4]."""
        alpha = np.clip(color[..., 3:], 0.0, 1.0)
        straight = np.divide(color[..., :3], alpha, out=np.zeros_like(color[..., :3]), where=alpha > 0)
        shown = np.where(alpha > 0, self._to_display(straight), 0.0)
        return to_uint8(np.concatenate([shown, alpha], axis=2))

    def _to_display(self, light: Floats) -> npt.NDArray[np.float32]:
        return self._encode(torch.from_numpy(np.ascontiguousarray(light))).numpy()


def _opaque(color: Floats) -> Floats:
    """Premultiplied colour [H, W, 4] on black."""
    color = color.copy()
    color[..., 3] = 1.0
    return color
