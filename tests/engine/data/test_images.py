"""Pictures in formats that need a reader of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.dataset import DatasetError
from engine.data.images import MAX_KEPT_BYTES, read_color, read_header


def write_hdr(path: Path, rgbe: np.ndarray, run_length: bool) -> None:
    height, width = rgbe.shape[:2]
    body = b""
    for row in rgbe:
        if not run_length:
            body += row.tobytes()
            continue
        body += bytes([2, 2, width >> 8, width & 255])
        for channel in row.T:
            half = width // 2  # one run, then literal bytes
            body += bytes([128 + half, channel[0], width - half]) + channel[half:].tobytes()
    path.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width) + body)


@pytest.mark.parametrize("run_length", [False, True])
def test_radiance_hdr(tmp_path: Path, run_length: bool) -> None:
    rgbe = np.zeros((3, 16, 4), np.uint8)
    rgbe[:] = [128, 64, 32, 130]
    rgbe[:, 12] = [255, 0, 0, 128]
    write_hdr(tmp_path / "a.hdr", rgbe, run_length)
    color, color_space = read_color(tmp_path / "a.hdr")
    assert color_space == "linear" and color.shape == (3, 16, 4)
    np.testing.assert_array_equal(color[0, 0], np.array([2.0, 1.0, 0.5, 1.0], np.float16))
    np.testing.assert_allclose(color[2, 12], [255 / 256, 0, 0, 1], rtol=1e-3)


def test_damaged_radiance_hdr_is_named(tmp_path: Path) -> None:
    write_hdr(tmp_path / "a.hdr", np.zeros((3, 16, 4), np.uint8), True)
    (tmp_path / "a.hdr").write_bytes((tmp_path / "a.hdr").read_bytes()[:-9])
    with pytest.raises(DatasetError, match=r"a\.hdr.*cut off"):
        read_color(tmp_path / "a.hdr")


def test_a_small_picture_is_decoded_without_opening_its_file_again(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 4), np.uint8)
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    Image.fromarray(noise[:40, :50]).save(small)
    Image.fromarray(noise).save(large)
    assert large.stat().st_size > MAX_KEPT_BYTES and read_header(large).content is None
    header = read_header(small)
    small.unlink()
    color, _ = read_color(small, header.content)
    np.testing.assert_array_equal(color, noise[:40, :50])
