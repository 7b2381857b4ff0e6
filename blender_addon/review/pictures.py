"""A neural picture and the captured truth, set against each other. numpy only; any thread.

Pictures are [H, W, 4] float16, scene-linear with premultiplied alpha, first row on top. Differences and PSNR are those
of display values on black, as the engine scores held-out views.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ..preview.srgb import decode_srgb, encode_srgb

Mode = Literal["SIDE_BY_SIDE", "DIFFERENCE", "NEURAL", "TRUTH"]


def compose(neural: np.ndarray, truth: np.ndarray, mode: Mode, gain: float = 1.0) -> np.ndarray:
    """What ``mode`` shows, as a picture of the same kind: [H, 2 W, 4] side by side, neural left; else [H, W, 4].

    ``gain`` multiplies differences. Raises ValueError for pictures of different sizes.
    """
    _require_same_size(neural, truth)
    if mode == "SIDE_BY_SIDE":
        return np.concatenate((neural, truth), axis=1)
    if mode == "DIFFERENCE":
        difference = np.abs(to_display(neural) - to_display(truth)) * np.float32(gain)
        picture = np.ones(neural.shape, np.float16)
        picture[..., :3] = decode_srgb(np.minimum(difference, 1.0))
        return picture
    return neural if mode == "NEURAL" else truth


def psnr(neural: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB; infinite where both are the same. Raises ValueError as ``compose`` does."""
    _require_same_size(neural, truth)
    error = float(np.mean((to_display(neural) - to_display(truth)) ** 2, dtype=np.float64))
    return math.inf if error == 0.0 else -10.0 * math.log10(error)


def to_display(picture: np.ndarray) -> np.ndarray:
    """sRGB values [H, W, 3] float32 in 0..1 of a picture over black."""
    return encode_srgb(np.clip(picture[..., :3].astype(np.float32), 0.0, 1.0))


def _require_same_size(neural: np.ndarray, truth: np.ndarray) -> None:
    if neural.shape != truth.shape:
        sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in (neural, truth)]
        raise ValueError(f"the neural picture is {sizes[0]} pixels, the captured one {sizes[1]}")
