"""Pixels past what 32-bit indices reach: in files with holes, of which only a few pages are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from taichi_kernels.bundles import Pictures, PixelTiles, RayLimits, Rays
from taichi_kernels.rays import CAMERA_FLOATS, sample_training_rays
from taichi_kernels.stepping import StepRule

RAYS, SIDE = 4000, 8
# First pixels: where an index of channels, then one of pixels, leaves 32 bits, and on both sides of windows' borders.
FIRST = [0, 2**28 - 30, 2**28 + 34, 2**29 - 30, 2**29 + 34, 2**30 - 1, 2**31 - 30, 2**31 + 100]


def _holes(path: Path, shape: tuple[int, ...], dtype: type) -> torch.Tensor:
    with path.open("wb") as file:
        file.truncate(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return torch.from_numpy(np.memmap(path, dtype, "r+", shape=shape))


def _sample(first: list[int], colors: torch.Tensor, depths: torch.Tensor, tiles: PixelTiles | None) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    for start in first:
        pixels = slice(start, start + SIDE * SIDE)
        colors[pixels] = torch.rand(SIDE * SIDE, 4, generator=generator).half()
        colors[pixels, 3] = 1.0
        depths[pixels] = 1.0 + torch.rand(SIDE * SIDE, generator=generator)
    cameras = torch.zeros(len(first), CAMERA_FLOATS)
    cameras[:, [0, 5, 10]] = 1.0
    cameras[:, [3, 7]] = 0.5
    cameras[:, 11] = 2.0
    cameras[:, 12:16] = torch.tensor([10.0, 10.0, 4.0, 4.0])
    images = torch.tensor([[start, SIDE, SIDE, 1, row] for row, start in enumerate(first)], dtype=torch.int64)
    limits = RayLimits(torch.tensor([[0.0] * 3, [1.0] * 3]), 1.0, depth_margin=0.01)
    pictures = Pictures(len(first), cameras, images, colors, depths)
    *rays, targets = (torch.full((RAYS, n), -5.0) for n in (3, 3, 2, 5))
    sample_training_rays(3, 1, StepRule.constant(0.01), pictures, tiles, limits, Rays(*rays), targets)
    return torch.cat([*rays, targets], dim=1)


@pytest.mark.parametrize("by_tiles", [False, True])
def test_any_number_of_pixels_can_be_drawn_from(device: str, tmp_path: Path, by_tiles: bool) -> None:
    if device != "cpu":
        pytest.skip("a card has no holes in its memory")
    count = FIRST[-1] + SIDE * SIDE
    tiles = None
    if by_tiles:
        corners = torch.tensor([[row, 0, 0] for row in range(len(FIRST))], dtype=torch.int32)
        weights = torch.arange(1.0, len(FIRST) + 1).cumsum(0)
        tiles = PixelTiles(corners, weights, 0.5, torch.zeros(RAYS, dtype=torch.int32))
    colors, depths = _holes(tmp_path / "colors", (count, 4), np.float16), _holes(tmp_path / "d", (count,), np.float32)
    found = _sample(FIRST, colors, depths, tiles)
    close = [row * SIDE * SIDE for row in range(len(FIRST))]
    expected = _sample(close, torch.zeros(close[-1] + 64, 4).half(), torch.zeros(close[-1] + 64), tiles)
    assert torch.equal(found, expected) and not (found == -5.0).any()
    assert len({tuple(row) for row in found[:, 8:11].tolist()}) > 8 * 50, "all views' pixels are drawn"
