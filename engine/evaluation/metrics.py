"""Image quality, as papers on radiance fields report it."""

from __future__ import annotations

import math

import numpy as np

SSIM_WINDOW = 11
MAX_PSNR = 100.0  # dB; errors below 1e-5 are float32's own, and a mean over views stays finite


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two float images [H, W, 3] in 0..1; at most ``MAX_PSNR``, also where they are
    the same, as a view in which nothing is to be seen soon is."""
    _require_same_shape(image, truth)
    error = float(np.mean((image.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return -10.0 * math.log10(max(error, 10.0 ** (-MAX_PSNR / 10.0)))


def ssim(image: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity of two float images [H, W, 3] in 0..1; 1 where they are the same.

    Wang et al.'s settings: an 11-pixel Gaussian window of sigma 1.5, population covariance, data range 1, mean over
    the channels. Pictures smaller than the window are continued by reflection.
    """
    from skimage.metrics import structural_similarity

    _require_same_shape(image, truth)
    missing = [max(0, SSIM_WINDOW - side) for side in image.shape[:2]]
    margins = ((0, missing[0]), (0, missing[1]), (0, 0))
    return float(
        structural_similarity(
            np.pad(image.astype(np.float64), margins, mode="symmetric"),
            np.pad(truth.astype(np.float64), margins, mode="symmetric"),
            channel_axis=2,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def _require_same_shape(image: np.ndarray, truth: np.ndarray) -> None:
    if image.shape != truth.shape or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"two [H, W, 3] images of one size are compared, got {list(image.shape)} and {list(truth.shape)}"
        )
