"""Images that are made to measure with are the same however they are cut into bands; and the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.image import pooled_psnr
from benchmarks.image_tables import image_table, image_use_table
from benchmarks.images import landscape_band, map_band, write_landscape
from engine.data.image_file import ImageFile

RESULT: dict[str, Any] = {
    "dataset": "map",
    "size": [34816, 34816],
    "device_name": "a card",
    "rows": [{"budget": 10.0, "steps": 900, "psnr": 33.333}],
    "megapixels_per_second": 512.3,
    "bytes": {"field": 1e8, "png": 2e9, "jpeg": 3e8, "jpeg_psnr": 33.5},
    "read_seconds": 12.3,
    "peak_host_bytes": 2**30,
    "peak_device_bytes": None,
}


def test_bands_make_one_image_and_all_scales_of_it_differ() -> None:
    whole = map_band(600, 980, 300, "cpu")
    parts = [map_band(600, 980, 110, "cpu"), map_band(600, 1090, 190, "cpu")]
    assert np.array_equal(whole, np.concatenate(parts))
    for step in (1, 4, 16, 64):
        assert np.abs(np.diff(whole[::step, ::step].astype(int), axis=1)).mean() > 1.0
    light = landscape_band(120, 80, 0, 80, "cpu")
    assert np.allclose(light[30:], landscape_band(120, 80, 30, 50, "cpu"), atol=1e-4)
    assert light.min() >= 0.0 and light.max() > 1000.0 and np.median(light) < 1.0, (
        "the sun is far brighter than the rest"
    )


def test_a_landscape_is_written_as_light_and_as_it_is_displayed(tmp_path: Path) -> None:
    for name, color_space in (("a.exr", "linear"), ("a.png", "srgb")):
        write_landscape(tmp_path / name, 96, 64, "cpu")
        header = ImageFile(tmp_path / name).header
        assert (header.width, header.height, header.color_space, header.has_alpha) == (96, 64, color_space, False)


def test_a_jpegs_parts_count_by_their_squared_errors() -> None:
    assert pooled_psnr([1e-2, 1e-4]) == pytest.approx(22.967, abs=1e-3), "rather than 30 dB"
    assert pooled_psnr([0.0]) == 100.0


def test_tables_have_the_published_figures_beside_ours() -> None:
    lines = image_table([RESULT]).splitlines()
    assert lines[2] == "| map 34816x34816 | a card | 10 | 900 | 33.33 | - |"
    assert lines[-1] == "| Tokyo, as published | NVIDIA RTX 3090 | 240 | - | 41.9 | - |"
    assert "| 300.0 (33.5 dB) |" in image_use_table([RESULT]) and image_use_table([]).count("\n") == 1
