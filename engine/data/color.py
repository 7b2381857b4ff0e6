"""Colour as it is stored and as it is shown.

"srgb" pixels are uint8 with straight alpha, "linear" ones float16 scene-linear with premultiplied alpha (see views.py).
Display-referred means: composited on a background, clamped to 0..1 and sRGB-encoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats, Pixels
from engine.link.messages import ColorSpace

if TYPE_CHECKING:
    import torch

Array = TypeVar("Array", Floats, "torch.Tensor")
Background = Literal["black", "white"]
BACKGROUNDS: dict[Background, float] = {"black": 0.0, "white": 1.0}


# Where sRGB's curve goes from a line to a power (IEC 61966-2-1), in linear light and encoded.
_LINE_END, _LINE_END_ENCODED = 0.0031308, 0.04045


def encode_srgb(linear: Array) -> Array:
    """Linear 0..1 to sRGB 0..1 (IEC 61966-2-1), clamped; any shape, float32, in memory or on a device."""
    # Line and power each on its own part of the range, added: numpy and torch have no `where` in common.
    power = linear.clip(_LINE_END, 1.0) ** (1 / 2.4) - _LINE_END ** (1 / 2.4)
    encoded: Array = 12.92 * linear.clip(0.0, _LINE_END) + 1.055 * power
    return encoded


def decode_srgb(encoded: Array) -> Array:
    """sRGB 0..1 to linear 0..1, clamped; any shape, float32, in memory or on a device."""
    power = ((encoded.clip(_LINE_END_ENCODED, 1.0) + 0.055) / 1.055) ** 2.4
    at_line_end = ((_LINE_END_ENCODED + 0.055) / 1.055) ** 2.4
    linear: Array = encoded.clip(0.0, _LINE_END_ENCODED) / 12.92 + (power - at_line_end)
    return linear


def composite_for_display(premultiplied: Floats, color_space: ColorSpace, background: Background) -> Floats:
    """Put float premultiplied colour [H, W, 4] on a background: display-referred sRGB, [H, W, 3] float32 in 0..1.

    sRGB colour is composited as it is (what the NeRF-synthetic benchmark does); linear colour is composited in linear,
    clamped and then encoded.
    """
    premultiplied = np.asarray(premultiplied, dtype=np.float32)
    mixed = premultiplied[..., :3] + (1.0 - premultiplied[..., 3:]) * BACKGROUNDS[background]
    return encode_srgb(mixed) if color_space == "linear" else np.clip(mixed, 0.0, 1.0)


def premultiply(color: Pixels, color_space: ColorSpace) -> npt.NDArray[np.float32]:
    """Stored pixels [H, W, 4] (see the module's text) as float32 premultiplied in their own colour space."""
    if color_space == "linear":
        return color.astype(np.float32)
    scaled = color.astype(np.float32) / 255.0
    scaled[..., :3] *= scaled[..., 3:]
    return scaled


def to_uint8(unit: Floats) -> npt.NDArray[np.uint8]:
    """0..1 floats to bytes, rounded and clamped."""
    return (np.clip(unit, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
