"""Marching against brute force over every lattice point."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from taichi_kernels import marching
from taichi_kernels.bundles import OccupancyBits, Rays, Samples, allocate_samples
from taichi_kernels.stepping import StepRule
from taichi_kernels.twins import marching as twin
from taichi_kernels.twins.occupancy_bits import pack_bits
from tests.taichi_kernels.segments import march_all_ray_segments

RESOLUTION = 32
STEP = 3**0.5 / 150
STEPS = StepRule.constant(STEP)
# A sample this close to a cell border may fall on either side of it in float32.
BORDER = 1e-4
# A thread a ray, and a thread for every 32 of its steps.
BOTH_WAYS = pytest.mark.parametrize("march", [marching.march_rays, march_all_ray_segments], ids=["rays", "segments"])


@dataclasses.dataclass
class Setup:
    """Rays through a random occupancy, and what a march reads and writes."""

    rays: Rays
    occupied: OccupancyBits

    @classmethod
    def build(cls, device: str, n: int = 60, filling: float = 0.02) -> Setup:
        generator = torch.Generator().manual_seed(7)
        densities = torch.zeros(RESOLUTION**3)
        if filling:
            # Single cells and a solid block, so that there are short and long runs.
            densities[torch.rand(RESOLUTION**3, generator=generator) < filling] = 1.0
            densities.view(RESOLUTION, RESOLUTION, RESOLUTION)[10:16, 3:20, 12:25] = 1.0
        occupied = OccupancyBits.allocate(RESOLUTION, 1, device)
        densities = densities.to(device)
        pack_bits(densities, torch.zeros_like(densities, dtype=torch.int32), 0.5, occupied)
        targets = torch.rand(n, 3, generator=generator)
        rays_o = 0.5 + 1.5 * torch.nn.functional.normalize(torch.randn(n, 3, generator=generator))
        rays_d = torch.nn.functional.normalize(targets - rays_o)
        # Along the axes, both ways, from inside as well.
        rays_o[:3], rays_d[:3] = torch.tensor([-0.5, 0.41, 0.37]), torch.eye(3)[[0]]
        rays_o[3], rays_d[3] = torch.tensor([0.51, 0.33, 1.4]), torch.tensor([0.0, 0.0, -1.0])
        rays_o[4] = torch.tensor([0.5, 0.2, 0.4])
        inverse = 1.0 / torch.where(rays_d.abs() < 1e-12, 1e-12, rays_d)
        crossings = torch.stack([(0.0 - rays_o) * inverse, (1.0 - rays_o) * inverse])
        near, far = crossings.amin(0).amax(1).clamp(min=0), crossings.amax(0).amin(1)
        near = near + STEP * torch.rand(n, generator=generator)
        t_range = torch.stack([near, far], dim=1)
        t_range[5] = torch.tensor([2.0, 1.0])  # misses
        return cls(Rays(rays_o.to(device), rays_d.to(device), t_range.to(device)), occupied)

    def copy(self) -> Setup:
        """Another that a march of this one leaves as it is."""
        return dataclasses.replace(self, rays=dataclasses.replace(self.rays, t_range=self.rays.t_range.clone()))

    def march(self, function: Any, max_samples: int = 1000, capacity: int = 20_000, guard: int = 0) -> dict[str, Any]:
        """The sample arrays after one march of all rays; the last ``guard`` rows lie past the capacity given."""
        device, n = self.rays.origins.device, len(self.rays)
        out: dict[str, Any] = {
            "counter": torch.zeros(1, dtype=torch.int32, device=device),
            "ray_samples": torch.full((n, 2), -1, dtype=torch.int32, device=device),
            "points": torch.full((capacity + guard, 3), -9.0, device=device),
            "distances": torch.full((capacity + guard,), -9.0, device=device),
            "sample_rays": torch.full((capacity + guard,), -9, dtype=torch.int32, device=device),
        }
        function(
            torch.arange(n, dtype=torch.int32, device=device), max_samples, STEPS, self.rays, self.occupied,
            out["counter"], out["ray_samples"],
            Samples(*(out[name][:capacity] for name in ("points", "distances", "sample_rays"))),
        )  # fmt: skip
        return out

    def distances_of(self, out: dict[str, Any]) -> list[torch.Tensor]:
        """Each ray's samples, those on a cell border left out."""
        result = []
        for start, count in out["ray_samples"].tolist():
            scaled = out["points"][start : start + count] * RESOLUTION
            is_clear = ((scaled - scaled.round()).abs() > BORDER * RESOLUTION).all(1)
            result.append(out["distances"][start : start + count][is_clear])
        return result


def _assert_same_samples(first: list[torch.Tensor], second: list[torch.Tensor]) -> None:
    assert [len(ray) for ray in first] == [len(ray) for ray in second]
    torch.testing.assert_close(torch.cat(first), torch.cat(second), atol=3e-6, rtol=0)


@BOTH_WAYS
@pytest.mark.parametrize("filling", [0.002, 0.02, 0.3])
def test_same_samples_as_brute_force(device: str, filling: float, march: Any) -> None:
    setup = Setup.build(device, filling=filling)
    other = setup.copy()
    found, expected = setup.march(march), other.march(twin.march_rays)
    _assert_same_samples(setup.distances_of(found), other.distances_of(expected))
    total = int(found["counter"])
    assert total > 200
    assert total == int(found["ray_samples"][:, 1].sum())


def test_after_all_samples_nothing_is_left_to_march(device: str) -> None:
    setup = Setup.build(device)
    setup.march(marching.march_rays)
    assert (setup.rays.t_range[:, 0] >= setup.rays.t_range[:, 1]).all()


@BOTH_WAYS
def test_every_sample_lies_in_an_occupied_cell_on_its_ray(device: str, march: Any) -> None:
    setup = Setup.build(device)
    found = setup.march(march)
    total = int(found["counter"])
    points, rays = found["points"][:total], found["sample_rays"][:total].long()
    expected = setup.rays.origins[rays] + found["distances"][:total, None] * setup.rays.directions[rays]
    torch.testing.assert_close(points, expected, atol=1e-6, rtol=0)
    assert twin.is_occupied(setup.occupied.bits, points, RESOLUTION).float().mean() > 0.999  # borders apart
    for ray, (start, count) in enumerate(found["ray_samples"].tolist()):
        assert (rays[start : start + count] == ray).all()
        assert (found["distances"][start : start + count].diff() > 0.99 * STEP).all()


@BOTH_WAYS
def test_an_empty_grid_gives_no_samples(device: str, march: Any) -> None:
    found = Setup.build(device, filling=0.0).march(march)
    assert int(found["counter"]) == 0
    assert (found["ray_samples"][:, 1] == 0).all()
    assert (found["distances"] == -9.0).all()


@pytest.mark.parametrize("max_samples", [1, 7])
def test_resuming_by_t_range_goes_on_exactly(device: str, max_samples: int) -> None:
    whole = Setup.build(device)
    in_parts = whole.copy()
    found = whole.march(marching.march_rays)
    gathered: list[list[float]] = [[] for _ in range(len(whole.rays.origins))]
    for _ in range(400):
        part = in_parts.march(marching.march_rays, max_samples=max_samples)
        for ray, (start, count) in enumerate(part["ray_samples"].tolist()):
            assert count <= max_samples
            gathered[ray] += part["distances"][start : start + count].tolist()
        if int(part["counter"]) == 0:
            break
    for ray, (start, count) in enumerate(found["ray_samples"].tolist()):
        assert gathered[ray] == found["distances"][start : start + count].tolist()


@pytest.mark.parametrize("max_samples", [1, 40])
def test_segments_give_the_first_samples_of_each_ray(device: str, max_samples: int) -> None:
    setup = Setup.build(device)
    found = setup.march(march_all_ray_segments, max_samples=max_samples)
    expected = setup.march(marching.march_rays, max_samples=max_samples)
    assert (found["ray_samples"][:, 1] == max_samples).any()
    _assert_same_samples(setup.distances_of(found), setup.distances_of(expected))


@BOTH_WAYS
def test_overflow_drops_whole_rays_and_writes_nothing_past_the_end(device: str, march: Any) -> None:
    setup = Setup.build(device)
    everything = setup.copy().march(march)
    wanted = int(everything["counter"])
    capacity = wanted // 2
    found = setup.march(march, capacity=capacity, guard=200)
    assert int(found["counter"]) == wanted
    counts, whole = found["ray_samples"][:, 1], everything["ray_samples"][:, 1]
    assert ((counts == whole) | (counts == 0)).all()
    assert 0 < int(counts.sum()) <= capacity
    taken = torch.zeros(capacity, dtype=torch.int32, device=device)
    for start, count in found["ray_samples"].tolist():
        assert count == 0 or 0 <= start <= capacity - count
        taken[start : start + count] += 1
    assert taken.max() == 1
    assert (found["distances"][capacity:] == -9.0).all() and (found["points"][capacity:] == -9.0).all()
    assert (found["sample_rays"][capacity:] == -9).all()


def test_marches_only_the_rays_named_and_in_their_order(device: str) -> None:
    setup = Setup.build(device)
    everything = setup.copy().march(marching.march_rays)
    before = setup.rays.t_range.clone()
    ids = torch.tensor([40, 8, 31], dtype=torch.int32, device=device)
    counter = torch.zeros(1, dtype=torch.int32, device=device)
    ray_samples = torch.zeros(3, 2, dtype=torch.int32, device=device)
    samples = allocate_samples(2000, device)
    marching.march_rays(ids, 1000, STEPS, setup.rays, setup.occupied, counter, ray_samples, samples)
    assert torch.equal(ray_samples[:, 1], everything["ray_samples"][ids.long(), 1])
    untouched = [ray for ray in range(len(before)) if ray not in ids.tolist()]
    assert torch.equal(setup.rays.t_range[untouched], before[untouched])
