"""A neural picture and the captured truth, set against each other. numpy only; any thread.

Pictures are [H, W, 4] float16, scene-linear with premultiplied alpha, first row on top. Differences and PSNR are those
of display values on black, as the engine scores held-out views: of a run on sRGB pictures it mixes sRGB values.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from engine.link.messages import ColorSpace

from ..picture_files.srgb import decode_srgb, encode_srgb

Mode = Literal["SIDE_BY_SIDE", "DIFFERENCE", "NEURAL", "TRUTH"]


def compose(
    neural: np.ndarray, truth: np.ndarray, mode: Mode, gain: float = 1.0, color_space: ColorSpace = "linear"
) -> np.ndarray:
    """What ``mode`` shows, as a picture of the same kind: [H, 2 W, 4] side by side, neural left; else [H, W, 4].

    ``gain`` multiplies differences. ``color_space``: the run's. Raises ValueError for pictures of different sizes.
    """
    _require_same_size(neural, truth)
    if mode == "SIDE_BY_SIDE":
        return np.concatenate((neural, truth), axis=1)
    if mode == "DIFFERENCE":
        difference = np.abs(to_display(neural, color_space) - to_display(truth, color_space)) * np.float32(gain)
        picture = np.ones(neural.shape, np.float16)
        picture[..., :3] = decode_srgb(np.minimum(difference, 1.0))
        return picture
    return neural if mode == "NEURAL" else truth


def psnr(neural: np.ndarray, truth: np.ndarray, color_space: ColorSpace = "linear") -> float:
    """Peak signal-to-noise ratio in dB; infinite where both are the same. Raises ValueError as ``compose`` does."""
    _require_same_size(neural, truth)
    difference = to_display(neural, color_space) - to_display(truth, color_space)
    error = float(np.mean(difference**2, dtype=np.float64))
    return math.inf if error == 0.0 else -10.0 * math.log10(error)


def to_display(picture: np.ndarray, color_space: ColorSpace = "linear") -> np.ndarray:
    """sRGB values [H, W, 3] float32 in 0..1 of a picture over black, mixed with that in ``color_space``."""
    color = picture[..., :3].astype(np.float32)
    if color_space == "linear":
        return encode_srgb(np.clip(color, 0.0, 1.0))
    alpha = np.clip(picture[..., 3:].astype(np.float32), 0.0, 1.0)
    return encode_srgb(np.clip(color / np.maximum(alpha, 1e-6), 0.0, 1.0)) * alpha


def _require_same_size(neural: np.ndarray, truth: np.ndarray) -> None:
    if neural.shape != truth.shape:
        sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in (neural, truth)]
        raise ValueError(f"the neural picture is {sizes[0]} pixels, the captured one {sizes[1]}")
