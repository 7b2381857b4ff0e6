"""Rays through empty space: as the twin has it, never through a surface, and no farther than to their end."""

from __future__ import annotations

import pytest
import torch

from taichi_kernels import runtime
from taichi_kernels.bundles import Rays
from taichi_kernels.surfaces.distance_grid import skip_empty_space
from taichi_kernels.twins.surfaces import distance_grid as twin

RADIUS = 0.23


@pytest.fixture(autouse=True)
def _started(device: str) -> None:
    runtime.start(device)


def _grid(cells: int, device: str) -> torch.Tensor:
    side = torch.linspace(0.0, 1.0, cells + 1)
    places = torch.stack(torch.meshgrid(side, side, side, indexing="ij"), dim=-1)
    return ((places - 0.5).norm(dim=-1) - RADIUS).to(device)


def _rays(count: int, device: str) -> Rays:
    generator = torch.Generator().manual_seed(2)
    origins = torch.rand(count, 3, generator=generator)
    directions = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)
    # To where they leave the cube, or less far.
    ends = torch.maximum(-origins / directions, (1.0 - origins) / directions).amin(dim=1)
    shares = 0.5 + torch.rand(count, generator=generator)
    limits = torch.stack([torch.zeros(count), ends * shares.clamp(max=1.0)], dim=1)
    return Rays(origins.to(device), directions.to(device), limits.to(device))


def test_where_rays_stop_is_where_the_twin_stops_them(device: str) -> None:
    rays, wanted = _rays(2000, device), _rays(2000, device)
    skip_empty_space(_grid(20, device), rays)
    twin.skip_empty_space(_grid(20, device), wanted)
    # A point between two vertices may be taken for nearer to either.
    assert (rays.t_range - wanted.t_range).abs().max(dim=1).values.quantile(0.99) < 1e-5
    assert (rays.t_range[:, 0] > 0.01).any() and (rays.t_range[:, 1] == _rays(2000, device).t_range[:, 1]).all()


def test_no_ray_gets_through_the_surface_and_those_that_miss_it_end(device: str) -> None:
    rays = _rays(2000, device)
    before = (rays.origins - 0.5).norm(dim=1) - RADIUS
    skip_empty_space(_grid(40, device), rays)
    starts, ends = rays.t_range.unbind(1)
    after = (rays.origins + starts[:, None] * rays.directions - 0.5).norm(dim=1) - RADIUS
    assert (after[before > 0.0] > 0.0).all() and (starts[before <= 0.0] == 0.0).all()
    along = -((rays.origins - 0.5) * rays.directions).sum(dim=1).clamp(max=0.0)
    nearest = (rays.origins + along.clamp(min=0.0)[:, None] * rays.directions - 0.5).norm(dim=1)
    misses = (nearest > RADIUS + 0.1) & (before > 0.1)
    assert misses.any() and (starts[misses] == ends[misses]).all()
