"""PNG files as the engine writes them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from engine.data.png import encode_png


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 48)])
def test_others_read_what_was_written(channels: int, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels))) as image:
        image.verify()  # the checksums
    with Image.open(io.BytesIO(encode_png(pixels))) as image:
        assert image.mode == {3: "RGB", 4: "RGBA"}[channels]
        np.testing.assert_array_equal(np.array(image), pixels)
