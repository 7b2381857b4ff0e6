"""The sRGB transfer function; values in 0..1."""

from __future__ import annotations

import numpy as np


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Display values of linear ones."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def decode_srgb(values: np.ndarray) -> np.ndarray:
    """Linear values of display ones."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
