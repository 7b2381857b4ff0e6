"""The occupancy kernels against their twins."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera
from taichi_kernels import occupancy, occupancy_bits
from taichi_kernels.bundles import OccupancyBits
from taichi_kernels.occupancy import CARVED, FLAG_COUNT, SEEN, SURFACE
from taichi_kernels.twins import occupancy as twin
from taichi_kernels.twins import occupancy_bits as twin_bits

CUBE = UnitCube(Bounds(np.full(3, -1.0), np.full(3, 1.0)))


def _camera(device: str, lens: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)) -> torch.Tensor:
    """World-to-camera row of a camera on the side that has part of the cube in its picture."""
    backward = np.array([2.0, 0.5, 1.0]) / np.linalg.norm([2.0, 0.5, 1.0])
    right = np.cross([0.0, 0.0, 1.0], backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, backward * 2.4], axis=1)
    return CUBE.inverse_camera_row(Camera(pose, 40, 30, 50.0, 52.0, 21.0, 14.0, *lens), device)


def _fisheye(device: str, terms: tuple[float, ...]) -> torch.Tensor:
    """The same from nearer, by a fisheye whose picture holds cells at more than 80 degrees off its axis."""
    k1, k2, k3, k4 = terms
    backward = np.array([2.0, 0.5, 1.0]) / np.linalg.norm([2.0, 0.5, 1.0])
    right = np.cross([0.0, 0.0, 1.0], backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(backward, right), backward, backward * 0.8], axis=1)
    camera = Camera(pose, 40, 30, 13.0, 13.5, 21.0, 14.0, k1, k2, k3=k3, k4=k4, projection="fisheye")
    return CUBE.inverse_camera_row(camera, device)


@pytest.mark.parametrize("terms", [(0.0, 0.0, 0.0, 0.0), (-0.03, 0.008, -0.003, 0.0004), (-0.5, 0.0, 0.0, 0.0)])
def test_carving_with_a_fisheye_equals_the_twins(device: str, terms: tuple[float, ...]) -> None:
    resolution, camera = 16, _fisheye(device, terms)
    nearest = 0.3 + 0.8 * torch.rand(30, 40, generator=torch.Generator().manual_seed(5))
    nearest[:6] = torch.inf
    nearest = nearest.to(device)
    flags = torch.zeros(resolution**3, dtype=torch.int32, device=device)
    expected = flags.clone()
    occupancy.carve_view(resolution, camera, nearest, 4.0, flags, 0.01)
    twin.carve_view(resolution, camera, nearest, 4.0, expected, 0.01)
    assert (flags != expected).sum() <= 3  # a centre exactly on a pixel's border
    for flag in (SEEN, CARVED):
        assert int((flags & flag).bool().sum()) > 20


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
    occupancy.sample_cells(resolution, 1, 32, candidates, *found)
    twin.sample_cells(resolution, 1, 32, candidates, *expected)
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
    generator = torch.Generator().manual_seed(resolution)
    densities = torch.rand(resolution**3, generator=generator).to(device)
    densities[::3] = 0.0  # closed by a view: a surface that another view saw there doesn't count
    flags = torch.randint(8, densities.shape, dtype=torch.int32, generator=generator).to(device)
    for threshold in (0.5, 0.99, 2.0):
        found, expected = (OccupancyBits.allocate(resolution, 1, device) for _ in range(2))
        for words in (found.bits, found.coarse_bits, expected.bits, expected.coarse_bits):
            words.fill_(77)
        occupancy_bits.pack_bits(densities, flags, threshold, found)
        twin_bits.pack_bits(densities, flags, threshold, expected)
        assert torch.equal(found.bits, expected.bits) and torch.equal(found.coarse_bits, expected.coarse_bits)
        count = sum(bin(word & 0xFFFFFFFF).count("1") for word in found.bits.tolist())
        is_kept = (densities > 0.0) & ((flags & SURFACE) != 0)
        assert count == int(((densities > threshold) | is_kept).sum())


def test_one_dense_cell_sets_its_own_bit_and_its_blocks(device: str) -> None:
    resolution, occupied = 32, OccupancyBits.allocate(32, 1, device)
    coarse = occupied.coarse_resolution
    for x, y, z in ((0, 0, 0), (31, 31, 31), (5, 30, 12)):
        densities = torch.zeros(resolution**3, device=device)
        densities[(z * resolution + y) * resolution + x] = 1.0
        occupancy_bits.pack_bits(densities, torch.zeros_like(densities).int(), 0.5, occupied)
        for words, cell in (
            (occupied.bits, (z * resolution + y) * resolution + x),
            (occupied.coarse_bits, (z // 4 * coarse + y // 4) * coarse + x // 4),
        ):
            assert words.nonzero().view(-1).tolist() == [cell // 32]
            assert int(words[cell // 32]) & 0xFFFFFFFF == 1 << cell % 32


def test_counting_views_equals_the_twins(device: str) -> None:
    generator = torch.Generator().manual_seed(7)
    views = [torch.randint(0, 8, (1000,), generator=generator, dtype=torch.int32).to(device) for _ in range(4)]
    results = []
    for module in (occupancy, twin):
        counts = torch.zeros(1000, FLAG_COUNT, dtype=torch.int32, device=device)
        flags = torch.zeros(1000, dtype=torch.int32, device=device)
        for marks in views:
            module.count_views(marks, 1, counts, flags)
        for marks in views[1:3]:
            module.count_views(marks, -1, counts, flags)
        results.append((counts, flags))
    (counts, flags), expected = results
    assert torch.equal(counts, expected[0]) and torch.equal(flags, expected[1])
    assert torch.equal(flags, views[0] | views[3]), "as if the two had never been there"
