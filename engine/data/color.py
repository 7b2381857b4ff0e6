"""Colour as it is stored and as it is shown.

"srgb" pixels are uint8 with straight alpha, "linear" ones float16 scene-linear with premultiplied alpha (see views.py).
Display-referred means: composited on a background, clamped to 0..1 and sRGB-encoded.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats, Pixels
from engine.link.color import encode_srgb
from engine.link.messages import ColorSpace

Background = Literal["black", "white"]
BACKGROUNDS: dict[Background, float] = {"black": 0.0, "white": 1.0}


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
