"""How scene-linear light becomes display values.

An encoding is a function of light [..., 3] float32 to values in 0..1, of the same shape, on any device.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch

from engine.device import PROFILES
from engine.link.color import encode_srgb
from engine.link.view_transform import BRIGHTEST, TOE, ViewTransform, lattice_colors, load_view_transform

DisplayEncoding = Callable[[torch.Tensor], torch.Tensor]
Display = ViewTransform | Literal["standard", "raw"]

# A table that is nowhere farther off is the sRGB curve's: a twentieth of a step of 8 bits, which Blender's own keeps.
_SAME_CURVE = 2e-4


def display_encoding_of(display: Display) -> DisplayEncoding:
    """What applies a view transform: Blender's Standard, its Raw, or that of a table."""
    if isinstance(display, ViewTransform):
        return _CurveDisplayEncoding(display) if _is_srgb(display) else TableDisplayEncoding(display)
    return clip_light if display == "raw" else encode_srgb


def named_display(name: str) -> Display:
    """What a command line names: "standard", "raw", or the file of a table. Raises ViewTransformError."""
    named: dict[str, Display] = {"standard": "standard", "raw": "raw"}
    return named[name] if name in named else load_view_transform(Path(name))


def fingerprint_of(display: Display) -> str:
    """A text that two view transforms have in common only if they are the same."""
    if not isinstance(display, ViewTransform):
        return display
    return f"{hashlib.sha256(display.table.tobytes()).hexdigest()} {display.exposure!r} {display.exponent!r}"


def clip_light(light: torch.Tensor) -> torch.Tensor:
    """Light as it is, but for what no display can show."""
    return light.clamp(0.0, 1.0)


def _is_srgb(transform: ViewTransform) -> bool:
    size = transform.table.shape[0]
    return bool((abs(transform.table - encode_srgb(lattice_colors(size))) <= _SAME_CURVE).all())


class _CurveDisplayEncoding:
    """The view transform of a table with the values of the sRGB curve: what is interpolated between these is up to a
    fifth of a step of 8 bits above it."""

    def __init__(self, transform: ViewTransform) -> None:
        self._transform = transform

    def __call__(self, light: torch.Tensor) -> torch.Tensor:
        """Display values of ``light``."""
        result = encode_srgb(light * self._transform.exposure)
        return result if self._transform.exponent == 1.0 else result**self._transform.exponent


class TableDisplayEncoding:
    """A view transform's table, looked up by tetrahedral interpolation: greys, on the cube's diagonal, are interpolated
    between greys alone, and stay such. (Kasson, Nin, Plouffe and Hafner: Performing color space conversions with
    three-dimensional linear interpolation, 1995.)"""

    def __init__(self, transform: ViewTransform) -> None:
        self._transform = transform
        self._size = transform.table.shape[0]
        self._entries = torch.from_numpy(transform.table.reshape(-1, 3).copy())

    def __call__(self, light: torch.Tensor) -> torch.Tensor:
        """Display values of ``light``."""
        self._entries = self._entries.to(light.device)
        flat = light.reshape(-1, 3)
        chunk = PROFILES[light.device.type].chunk_colors
        return torch.cat([self._look_up(part) for part in flat.split(chunk)]).reshape(light.shape)

    def _look_up(self, light: torch.Tensor) -> torch.Tensor:
        last = self._size - 1
        scale = last / math.log1p(BRIGHTEST / TOE)
        at = torch.log1p((light * self._transform.exposure).clamp(0.0, BRIGHTEST) / TOE) * scale
        low = at.floor().clamp(max=last - 1)
        # The way goes from the cell's low corner to its high one along the axes, that of the largest share first.
        shares, axes = (at - low).sort(dim=1, descending=True)
        strides = torch.tensor([1, self._size, self._size**2], device=light.device)
        corner = (low.long() * strides).sum(dim=1)
        result = self._entries[corner] * (1.0 - shares[:, :1])
        for place in range(3):
            corner = corner + strides[axes[:, place]]
            following = shares[:, place + 1 : place + 2] if place < 2 else 0.0
            result += self._entries[corner] * (shares[:, place : place + 1] - following)
        return result if self._transform.exponent == 1.0 else result**self._transform.exponent
