"""A neural picture and the captured truth, set against each other. numpy only; any thread.

Pictures are [H, W, 4] float16, scene-linear with premultiplied alpha, first row on top. Differences and PSNR are those
of display values on black, as the engine scores held-out views: of a run on sRGB pictures it mixes sRGB values. PSNR is
that of the subject alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from engine.link.color import decode_srgb, encode_srgb
from engine.link.geometry import Bounds, Camera
from engine.link.messages import ColorSpace
from engine.link.scoring import find_subject, psnr

_GROUND = 0.03  # linear: dark, and not as dark as what is black

Mode = Literal["SIDE_BY_SIDE", "DIFFERENCE", "NEURAL", "TRUTH"]


def compose(
    neural: np.ndarray, truth: np.ndarray, mode: Mode, gain: float = 1.0, color_space: ColorSpace = "linear"
) -> np.ndarray:
    """What ``mode`` shows, as a picture of the same kind: [H, 2 W, 4] side by side, neural left; else [H, W, 4].

    It is opaque, over a dark grey ground: the scene is not to show through. ``gain`` multiplies differences.
    ``color_space``: the run's. Raises ValueError for pictures of different sizes.
    """
    _require_same_size(neural, truth)
    if mode == "SIDE_BY_SIDE":
        return on_ground(np.concatenate((neural, truth), axis=1))
    if mode == "DIFFERENCE":
        difference = np.abs(to_display(neural, color_space) - to_display(truth, color_space)) * np.float32(gain)
        picture = np.ones(neural.shape, np.float16)
        picture[..., :3] = decode_srgb(np.minimum(difference, 1.0))
        return picture
    return on_ground(neural if mode == "NEURAL" else truth)


def on_ground(picture: np.ndarray) -> np.ndarray:
    """``picture`` [H, W, 4] over the ground, opaque."""
    rest = 1.0 - np.clip(picture[..., 3:].astype(np.float32), 0.0, 1.0)
    grounded = np.ones(picture.shape, np.float16)
    grounded[..., :3] = picture[..., :3] + _GROUND * rest
    return grounded


def subject_psnr(
    neural: np.ndarray,
    truth: np.ndarray,
    depth: np.ndarray | None,
    camera: Camera,
    extent: Bounds,
    color_space: ColorSpace = "linear",
) -> float | None:
    """Peak signal-to-noise ratio in dB over the subject; None where the view shows nothing of it. Raises ValueError as
    ``compose`` does.

    ``depth`` [H, W] as captured, or None; ``extent``: the box outside of which the field is empty.
    """
    _require_same_size(neural, truth)
    captured = _premultiply(truth, color_space)
    subject = find_subject(camera, extent, captured, depth, _premultiply(neural, color_space))
    if not subject.mask.any():
        return None
    return psnr(_display(subject.field, color_space), _display(captured, color_space), subject.mask)


def to_display(picture: np.ndarray, color_space: ColorSpace = "linear") -> np.ndarray:
    """sRGB values [H, W, 3] float32 in 0..1 of a picture over black, mixed with that in ``color_space``."""
    return _display(_premultiply(picture, color_space), color_space)


def _premultiply(picture: np.ndarray, color_space: ColorSpace) -> np.ndarray:
    """[H, W, 4] float32 with the colour in ``color_space``, premultiplied there."""
    picture = picture.astype(np.float32)
    if color_space == "linear":
        return picture
    alpha = np.clip(picture[..., 3:], 0.0, 1.0)
    color = encode_srgb(np.clip(picture[..., :3] / np.maximum(alpha, 1e-6), 0.0, 1.0)) * alpha
    return np.concatenate((color, alpha), axis=2)


def _display(premultiplied: np.ndarray, color_space: ColorSpace) -> np.ndarray:
    color = np.clip(premultiplied[..., :3], 0.0, 1.0)
    return encode_srgb(color) if color_space == "linear" else color


def _require_same_size(neural: np.ndarray, truth: np.ndarray) -> None:
    if neural.shape != truth.shape:
        sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in (neural, truth)]
        raise ValueError(f"the neural picture is {sizes[0]} pixels, the captured one {sizes[1]}")
