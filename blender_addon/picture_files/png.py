"""PNG files read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .reading import opened


def read_png(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """The picture in a PNG file: [H, W, 3 or 4] uint8, as stored, first row on top. From any thread. Raises OSError;
    ValueError for what is no whole PNG file of true colour with 8 bits a channel, or not of this ``size``."""
    with opened(path, "PNG", size) as file:
        spec = file.spec()
        if spec.nchannels not in (3, 4) or str(spec.format) != "uint8":
            raise ValueError("other than true colour of 8 bits")
        pixels = file.read_image("uint8")
        if pixels is None:
            raise ValueError(file.geterror())
        return pixels
