"""sRGB's curve between light and display values, for arrays and for tensors alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from engine.link.arrays import Floats

if TYPE_CHECKING:
    import torch

Array = TypeVar("Array", Floats, "torch.Tensor")

# Where sRGB's curve goes from a line to a power (IEC 61966-2-1), in linear light and encoded.
_LINE_END, _LINE_END_ENCODED = 0.0031308, 0.04045


def encode_srgb(linear: Array) -> Array:
    """Linear 0..1 to sRGB 0..1 (IEC 61966-2-1), clamped; any shape, float32, in memory or on a device."""
    # Line and power each on its own part of the range, added: numpy and torch have no `where` in common. Rounded, the
    # power's part is not quite 0 where the line's ends, and black must be.
    power = (linear.clip(_LINE_END, 1.0) ** (1 / 2.4) - _LINE_END ** (1 / 2.4)) * (linear > _LINE_END)
    encoded: Array = 12.92 * linear.clip(0.0, _LINE_END) + 1.055 * power
    return encoded


def decode_srgb(encoded: Array) -> Array:
    """sRGB 0..1 to linear 0..1, clamped; any shape, float32, in memory or on a device."""
    power = ((encoded.clip(_LINE_END_ENCODED, 1.0) + 0.055) / 1.055) ** 2.4
    at_line_end = ((_LINE_END_ENCODED + 0.055) / 1.055) ** 2.4
    above = (power - at_line_end) * (encoded > _LINE_END_ENCODED)
    linear: Array = encoded.clip(0.0, _LINE_END_ENCODED) / 12.92 + above
    return linear
