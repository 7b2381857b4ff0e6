"""The occupancy kernels against their twins."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera
from taichi_kernels import occupancy
from taichi_kernels.occupancy import CARVED, COARSE_FACTOR, SEEN
from taichi_kernels.twins import occupancy as twin

CUBE = UnitCube(Bounds(np.full(3, -1.0), np.full(3, 1.0)))


def _camera(device: str, lens: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)) -> torch.Tensor:
    """World-to-camera row of a camera on the side that has part of the cube in its picture."""
    backward = np.array([2.0, 0.5, 1.0]) / np.linalg.norm([2.0, 0.5, 1.0])
    right = np.cross([0.0, 0.0, 1.0], backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, backward * 2.4], axis=1)
    return CUBE.inverse_camera_row(Camera(pose, 40, 30, 50.0, 52.0, 21.0, 14.0, *lens), device)


@pytest.mark.parametrize("lens", [(0.0, 0.0, 0.0, 0.0), (-0.1, 0.02, 0.002, -0.001)], ids=["pinhole", "distorted"])
def test_carving_equals_the_twins(device: str, lens: tuple[float, ...]) -> None:
    resolution, camera = 16, _camera(device, lens)
    generator = torch.Generator().manual_seed(5)
    nearest = 0.6 + 1.2 * torch.rand(30, 40, generator=generator)
    nearest[:6] = torch.inf
    nearest[:, 35:] = 0.0
    nearest = nearest.to(device)
    flags = torch.zeros(resolution**3, dtype=torch.int32, device=device)
    flags[::10] = CARVED  # what another view found stays
    expected = flags.clone()
    occupancy.carve_view(resolution, camera, nearest, 2.0, flags)
    twin.carve_view(resolution, camera, nearest, 2.0, expected)
    assert (flags != expected).sum() <= 2  # a centre exactly on a pixel's border
    for flag in (SEEN, CARVED):
        assert 100 < int((flags & flag).bool().sum()) < resolution**3 - 100


@pytest.mark.parametrize("count", [100, 1000])
def test_cells_and_points_equal_the_twins(device: str, count: int) -> None:
    resolution = 16
    candidates = torch.arange(3, 3003, 3, dtype=torch.int32, device=device)
    found, expected = (
        (torch.zeros(count, dtype=torch.int32, device=device), torch.zeros(count, 3, device=device)) for _ in range(2)
    )
    occupancy.sample_cells(count, resolution, 1, 32, candidates, *found)
    twin.sample_cells(count, resolution, 1, 32, candidates, *expected)
    assert (found[0] != expected[0]).sum() <= count // 100
    same = found[0] == expected[0]
    torch.testing.assert_close(found[1][same], expected[1][same], atol=1e-6, rtol=0)
    # Each point is inside its cell, and all of the list is covered.
    x, y, z = (found[1].double() * resolution).floor().int().unbind(1)
    assert ((z * resolution + y) * resolution + x == found[0]).float().mean() > 0.99
    assert found[0].diff().max() <= 2 * 3 * len(candidates) / count


def test_densities_are_a_decaying_maximum(device: str) -> None:
    generator = torch.Generator().manual_seed(2)
    densities = 0.1 * torch.rand(500, generator=generator).to(device)
    before, expected = densities.clone(), densities.clone()
    cells = torch.randperm(500, generator=generator)[:200].int().to(device)
    raw = 3.0 * torch.randn(200, 32, generator=generator).to(device)
    occupancy.update_densities(cells, raw, densities, 0.5, 0.01)
    twin.update_densities(cells, raw, expected, 0.5, 0.01)
    torch.testing.assert_close(densities, expected, rtol=1e-4, atol=1e-7)
    has_changed = torch.zeros(500, dtype=torch.bool, device=device)
    has_changed[cells.long()] = True
    assert torch.equal(densities != before, has_changed)


@pytest.mark.parametrize("resolution", [16, 32, 48])
def test_bits_and_coarse_bits_equal_the_twins(device: str, resolution: int) -> None:
    densities = torch.rand(resolution**3, generator=torch.Generator().manual_seed(resolution)).to(device)
    coarse_words = (resolution // COARSE_FACTOR) ** 3 // 32
    for threshold in (0.5, 0.99, 2.0):
        found, expected = (
            [
                torch.full((words,), 77, dtype=torch.int32, device=device)
                for words in (resolution**3 // 32, coarse_words)
            ]
            for _ in range(2)
        )
        occupancy.pack_bits(densities, threshold, *found)
        twin.pack_bits(densities, threshold, *expected)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
        count = sum(bin(word & 0xFFFFFFFF).count("1") for word in found[0].tolist())
        assert count == int((densities > threshold).sum())


def test_one_dense_cell_sets_its_own_bit_and_its_blocks(device: str) -> None:
    resolution, coarse = 32, 32 // COARSE_FACTOR
    bits = torch.zeros(resolution**3 // 32, dtype=torch.int32, device=device)
    coarse_bits = torch.zeros(coarse**3 // 32, dtype=torch.int32, device=device)
    for x, y, z in ((0, 0, 0), (31, 31, 31), (5, 30, 12)):
        densities = torch.zeros(resolution**3, device=device)
        densities[(z * resolution + y) * resolution + x] = 1.0
        occupancy.pack_bits(densities, 0.5, bits, coarse_bits)
        for words, cell in (
            (bits, (z * resolution + y) * resolution + x),
            (coarse_bits, (z // 4 * coarse + y // 4) * coarse + x // 4),
        ):
            assert words.nonzero().view(-1).tolist() == [cell // 32]
            assert int(words[cell // 32]) & 0xFFFFFFFF == 1 << cell % 32
