"""Several cascades and growing steps: marching, occupancy, rays and compositing against their twins."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from taichi_kernels import compositing, marching, occupancy, occupancy_bits, rays
from taichi_kernels.bundles import FieldOutputs, OccupancyBits, Pictures, RayLimits, Rays, Samples
from taichi_kernels.compositing import RayLoss
from taichi_kernels.occupancy import SEEN, SURFACE
from taichi_kernels.rays import UNKNOWN_DEPTH, WHOLE_SHARE
from taichi_kernels.stepping import StepRule
from taichi_kernels.twins import compositing as compositing_twin
from taichi_kernels.twins import marching as marching_twin
from taichi_kernels.twins import occupancy as occupancy_twin
from taichi_kernels.twins import occupancy_bits as twin_bits
from taichi_kernels.twins import rays as rays_twin
from tests.taichi_kernels.segments import march_all_ray_segments

RESOLUTION, CASCADES = 16, 3
STEPS = StepRule(smallest=0.004, largest=0.1, cone_angle=1 / 40, density=0.25)
RAYS = 50


def _occupancy(device: str, filling: float = 0.2) -> OccupancyBits:
    """Bits of random cells: in each cascade those outside the next finer one."""
    generator = torch.Generator().manual_seed(3)
    densities = (torch.rand(CASCADES * RESOLUTION**3, generator=generator) < filling).float()
    quarter = RESOLUTION // 4
    for level in densities.view(CASCADES, RESOLUTION, RESOLUTION, RESOLUTION)[1:]:
        level[(slice(quarter, 3 * quarter),) * 3] = 0.0
    occupied, densities = OccupancyBits.allocate(RESOLUTION, CASCADES, device), densities.to(device)
    twin_bits.pack_bits(densities, torch.zeros_like(densities).int(), 0.5, occupied)
    return occupied


def _march(function: Any, device: str) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(8)
    rays_o = 0.5 + 0.2 * torch.randn(RAYS, 3, generator=generator).clamp(-1, 1)
    rays_d = torch.nn.functional.normalize(torch.randn(RAYS, 3, generator=generator))
    borders = torch.stack([-rays_o / rays_d, (1 - rays_o) / rays_d])
    out = {
        "t_range": torch.stack([torch.full((RAYS,), 0.01), borders.amax(0).amin(1)], dim=1),
        "ray_samples": torch.zeros(RAYS, 2, dtype=torch.int32),
        "points": torch.zeros(20_000, 3),
        "distances": torch.zeros(20_000),
        "sample_rays": torch.zeros(20_000, dtype=torch.int32),
        "rays_o": rays_o,
        "rays_d": rays_d,
    }
    out = {name: tensor.to(device) for name, tensor in out.items()}
    function(
        torch.arange(RAYS, dtype=torch.int32, device=device), 1000, STEPS,
        Rays(out["rays_o"], out["rays_d"], out["t_range"]), _occupancy(device),
        torch.zeros(1, dtype=torch.int32, device=device), out["ray_samples"], _samples(out),
    )  # fmt: skip
    return out


def _samples(out: dict[str, torch.Tensor]) -> Samples:
    return Samples(out["points"], out["distances"], out["sample_rays"])


@pytest.mark.parametrize("march", [marching.march_rays, march_all_ray_segments], ids=["rays", "segments"])
def test_samples_lie_on_the_growing_lattice_in_occupied_cells_and_none_is_missed(device: str, march: Any) -> None:
    found, expected = _march(march, device), _march(marching_twin.march_rays, device)
    bits = _occupancy("cpu").bits
    total = int(found["ray_samples"][:, 1].sum())
    assert total > 500
    for ray in range(RAYS):
        start, count = found["ray_samples"][ray].tolist()
        own = found["distances"][start : start + count].cpu()
        start, count = expected["ray_samples"][ray].tolist()
        allowed = expected["distances"][start : start + count].cpu()
        points = expected["points"][start : start + count].cpu().double()
        # A lattice point on a cell's border may fall on either side of it.
        _, side = marching_twin.find_cascade(points, 0.0, RESOLUTION, CASCADES)
        scaled = ((points - 0.5) / side[:, None]) * RESOLUTION
        is_clear = ((scaled - scaled.round()).abs() > 2e-3).all(1)
        # Skipping a cell that is empty at its own scale may pass a coarser one that holds something elsewhere.
        is_needed = marching_twin.is_occupied(bits, points, RESOLUTION, CASCADES) & is_clear
        nearest = (allowed[is_needed, None] - own[None]).abs()
        assert not is_needed.any() or float(nearest.amin(1).max()) < 1e-5
        extra = (own[:, None] - allowed[None]).abs().amin(1) > 1e-5 if len(own) and len(allowed) else torch.zeros(0)
        assert float(extra.sum()) <= 0.05 * len(own) + 1


def test_a_sample_never_looks_at_cells_smaller_than_its_step() -> None:
    points = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    steps = 0.2 * torch.rand(2000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    cascade, side = marching_twin.find_cascade(points, steps, RESOLUTION, CASCADES)
    assert ((side >= 2 * (points - 0.5).abs().amax(1)) | (cascade == CASCADES - 1)).all()
    assert ((side / RESOLUTION >= steps) | (cascade == CASCADES - 1)).all()
    assert set(cascade.tolist()) == {0, 1, 2}


def test_bits_of_all_cascades_equal_the_twins_and_coarser_ones_hold_the_finer(device: str) -> None:
    generator = torch.Generator().manual_seed(1)
    densities = torch.rand(CASCADES * 32**3, generator=generator).to(device)
    found, expected = (OccupancyBits.allocate(32, CASCADES, device) for _ in range(2))
    for words in (found.bits, found.coarse_bits, expected.bits, expected.coarse_bits):
        words.fill_(5)
    flags = (SURFACE * (torch.rand(densities.shape, generator=generator) < 0.001)).int().to(device)
    occupancy_bits.pack_bits(densities, flags, 0.999, found)
    twin_bits.pack_bits(densities, flags, 0.999, expected)
    assert torch.equal(found.bits, expected.bits) and torch.equal(found.coarse_bits, expected.coarse_bits)
    points = torch.rand(20_000, 3, generator=generator, dtype=torch.float64) * 0.25 + 0.375  # the innermost cube
    bits = found.bits.cpu()
    fine = marching_twin.is_occupied(bits, points, 32, CASCADES)
    coarser = marching_twin.is_occupied(bits, points, 32, CASCADES, steps=1 / 32 / 2)
    assert fine.any() and coarser[fine].all() and not coarser.all()


def test_cells_of_all_cascades_are_drawn_with_points_inside_them(device: str) -> None:
    candidates = torch.arange(0, CASCADES * RESOLUTION**3, 5, dtype=torch.int32, device=device)
    found, expected = (
        (torch.zeros(600, dtype=torch.int32, device=device), torch.zeros(600, 3, device=device)) for _ in range(2)
    )
    occupancy.sample_cells(RESOLUTION, 1, 32, candidates, *found, CASCADES)
    occupancy_twin.sample_cells(RESOLUTION, 1, 32, candidates, *expected, CASCADES)
    same = found[0] == expected[0]
    assert same.float().mean() > 0.98
    torch.testing.assert_close(found[1][same], expected[1][same], atol=1e-6, rtol=0)
    assert set((found[0] // RESOLUTION**3).tolist()) == {0, 1, 2}
    assert found[1][found[0] < RESOLUTION**3].sub(0.5).abs().max() <= 0.125


def test_what_rays_observe_equals_the_twins_and_hidden_samples_count_as_empty(device: str) -> None:
    out = _march(marching.march_rays, device)
    generator = torch.Generator().manual_seed(6)
    raw = (2.0 * torch.randn(20_000, 4, generator=generator) + 2.0).to(device)
    found, expected = (torch.zeros(CASCADES * RESOLUTION**3, device=device) for _ in range(2))
    occupied = _occupancy(device)
    for module, observed in ((occupancy, found), (occupancy_twin, expected)):
        module.observe_densities(out["ray_samples"], _samples(out), raw, observed, occupied, STEPS)
    assert ((found - expected).abs() > 1e-3 * expected + 1e-9).float().mean() < 1e-3  # borders apart
    assert (found > 0).sum() > 50 and ((found > 0) & (found < 1e-6)).any()

    before = torch.rand(len(found), generator=generator).to(device)
    before[::7] = 0.0  # closed by views
    densities, wanted, news = before.clone(), before.clone(), found.clone()
    occupancy.take_observed(found, densities, 0.5)
    occupancy_twin.take_observed(news, wanted, 0.5)
    torch.testing.assert_close(densities, wanted)
    assert not found.any() and not densities[::7].any()
    assert (densities != before).any()


def test_nothing_nearer_than_the_near_distance_is_seen(device: str) -> None:
    row = torch.zeros(1, 21, device=device)
    row[0, [0, 5, 10]] = 1.0
    row[0, [3, 7, 11]] = -0.5  # a camera in the middle that looks down
    row[0, 12:16] = torch.tensor([8.0, 8.0, 8.0, 8.0])
    counts = []
    for near in (0.0, 0.25):
        flags = torch.zeros(RESOLUTION**3, dtype=torch.int32, device=device)
        occupancy.carve_view(RESOLUTION, row, torch.zeros(16, 16, device=device), 0.0, flags, near)
        z = occupancy_twin.cell_centers(RESOLUTION, "cpu")[(flags & SEEN).bool().cpu(), 2]
        assert z.max() < 0.5 - near
        counts.append(len(z))
    assert 0 < counts[1] < counts[0]


def test_training_rays_equal_the_twins(device: str) -> None:
    generator = torch.Generator().manual_seed(2)
    camera = torch.zeros(1, 21)
    camera[0, [0, 5, 10]], camera[0, [3, 7, 11]] = 1.0, torch.tensor([0.4, 0.5, 0.6])
    camera[0, 12:16] = torch.tensor([12.0, 12.0, 8.0, 8.0])
    data = [camera, torch.tensor([[0, 16, 16, 1, 0]], dtype=torch.int32), torch.ones(256, 4).half()]
    data += [0.3 * torch.rand(256, generator=generator)]
    pictures = Pictures(1, *(tensor.to(device) for tensor in data))
    limits = RayLimits(torch.tensor([[0.0] * 3, [1.0] * 3], device=device), 1.0, 0.05, 0.001)
    results = []
    for module in (rays, rays_twin):
        out, targets = Rays.allocate(500, device), torch.zeros(500, 5, device=device)
        module.sample_training_rays(0, 7, STEPS, pictures, None, limits, out, targets)
        results.append(vars(out) | {"targets": targets})
    for name, tensor in results[0].items():
        torch.testing.assert_close(tensor, results[1][name], atol=1e-5, rtol=1e-4)
    t_range = results[0]["t_range"]
    assert t_range[:, 0].min() >= 0.05 and (t_range[:, 0] <= 0.05 + STEPS.smallest).float().mean() > WHOLE_SHARE / 2
    # A surface is within the reach of a step, however far away.
    assert (t_range[:, 1] >= results[0]["targets"][:, 4] * (1 + STEPS.cone_angle) - 1e-5).any()


@pytest.mark.parametrize("with_depth", [True, False])
def test_compositing_with_growing_steps_equals_the_twins(device: str, with_depth: bool) -> None:
    out = _march(marching.march_rays, device)
    generator = torch.Generator().manual_seed(4)
    total = len(out["points"])
    raw_densities = torch.randn(total, 1, generator=generator).to(device)
    raw_colors = torch.randn(total, 4, generator=generator).to(device)
    targets = torch.rand(RAYS, 5, generator=generator).to(device)
    if not with_depth:
        targets[:, 4] = UNKNOWN_DEPTH
    loss = RayLoss(linear=False, depth_weight=0.3, depth_tolerance=0.001, full_distance=0.3)
    results = []
    for module in (compositing, compositing_twin):
        losses, gradients = torch.zeros(RAYS, device=device), FieldOutputs.allocate(total, device, torch.float32)
        module.composite_training(
            out["ray_samples"], targets, out["distances"], FieldOutputs(raw_densities, raw_colors), losses, gradients,
            loss=loss, steps=STEPS, seed=0, step=1,
        )  # fmt: skip
        results.append((losses, gradients.density_rows, gradients.color_rows))
    for found, expected in zip(*results, strict=True):
        assert expected.abs().max() > 0
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-3)
