"""Pictures of noise."""

from __future__ import annotations

import numpy as np


def random_picture(seed: int, height: int = 6, width: int = 8) -> np.ndarray:
    """[height, width, 4] float16, premultiplied."""
    random = np.random.default_rng(seed)
    alpha = random.random((height, width, 1))
    return np.concatenate([random.random((height, width, 3)) * alpha, alpha], axis=2).astype(np.float16)
