"""Lights asked, and light scattered, beside their twins."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import pytest
import torch

from taichi_kernels import runtime
from taichi_kernels.bundles import Rays
from taichi_kernels.surfaces.path_tracing import shading
from taichi_kernels.surfaces.path_tracing.albedo_tables import AlbedoTables, albedo_tables
from taichi_kernels.surfaces.path_tracing.bundles import (
    VALUE_COLUMNS,
    LightSamples,
    Paths,
    PathStep,
    Strategy,
    ValueColumn,
    Vertices,
)
from taichi_kernels.twins.surfaces.path_tracing import shading as twin
from tests.device import TEST_DEVICE
from tests.taichi_kernels.surfaces.path_tracing.scenes import Material, make_scene, plane, point, rectangle, sun

_Bundle = TypeVar("_Bundle", Rays, Paths, LightSamples)

COUNT = 4000


@pytest.fixture(autouse=True)
def _started(device: str) -> None:
    runtime.start(device)


def _vertices(device: str) -> Vertices:
    """All over a unit cube, of all materials, each turned to any side and shaded a little aslant."""
    generator = torch.Generator().manual_seed(1)
    sides = torch.nn.functional.normalize(torch.randn(COUNT, 3, generator=generator), dim=1)
    normals = torch.nn.functional.normalize(sides + 0.1 * torch.randn(COUNT, 3, generator=generator), dim=1)
    values = torch.zeros(COUNT, VALUE_COLUMNS)
    values[:, :6] = torch.rand(COUNT, 6, generator=generator)
    for column in (ValueColumn.METALLIC, ValueColumn.TRANSMISSION):
        values[:, column] = ((values[:, column] - 0.5) * 3.0 + 0.5).clamp(0.0, 1.0)
    values[:, ValueColumn.ROUGHNESS] = values[:, ValueColumn.ROUGHNESS].clamp(min=0.1)
    values[: COUNT // 8, ValueColumn.ROUGHNESS] = 0.0
    eta = 1.1 + torch.rand(COUNT, generator=generator)
    values[:, ValueColumn.GLASS_ETA] = torch.where(torch.rand(COUNT, generator=generator) < 0.5, eta, 1.0 / eta)
    values[COUNT // 8 : COUNT // 4, ValueColumn.GLASS_ETA] = 1.0  # nothing is refracted
    values[:, ValueColumn.LAYER_ETA], values[:, ValueColumn.LAYER_MEAN] = eta, 0.1
    points = torch.rand(COUNT, 3, generator=generator)
    return Vertices(*(each.contiguous().to(device) for each in (points, sides, normals, values)))


def _rays(vertices: Vertices) -> Rays:
    """From in front of each."""
    generator = torch.Generator().manual_seed(2)
    aside = torch.randn(COUNT, 3, generator=generator).to(vertices.points.device)
    directions = -torch.nn.functional.normalize(vertices.shading_normals + 0.5 * aside, dim=1)
    facing = (directions * vertices.shading_normals).sum(dim=1, keepdim=True)
    directions = torch.where(facing > -0.05, -vertices.shading_normals, directions)
    t_range = torch.tensor([[0.0, 1e18]]).repeat(COUNT, 1).to(directions.device)
    t_range[::97] = 0.0
    return Rays(vertices.points - directions, directions.contiguous(), t_range)


def test_lights_are_asked_as_the_twin_asks_them(device: str) -> None:
    lamp = rectangle((-0.5, -0.5, 3.0), (0.0, 2.0, 0.0), (2.0, 0.0, 0.0))
    things = [(plane(-1.0), Material()), (lamp, Material(emission=(4.0, 3.0, 2.0), is_lamp=True))]
    things.append((rectangle((3.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), Material(emission=(1.0, 5.0, 1.0))))
    lights = [point((2.0, 2.0, 2.0), 5.0), sun((0.0, 1.0, 1.0), 1.0, 0.3), sun((1.0, 1.0, 0.2), 1.0)]
    scene, vertices = make_scene(things, device, lights, 0.3), _vertices(device)
    numbers = PathStep(seed=5, step=2, vertex=1, bounces=9, strategy=Strategy.BOTH, hides_environment=0)
    found, wanted = LightSamples.allocate(COUNT, device), LightSamples.allocate(COUNT, "cpu")
    shading.ask_lights(numbers, scene, _rays(vertices), vertices, found)
    on_cpu = make_scene(things, "cpu", lights, 0.3)
    twin.ask_lights(numbers, on_cpu, _rays(_vertices("cpu")), _vertices("cpu"), wanted)
    assert len(wanted.light_pdfs.isinf().unique()) == 2 and (wanted.light_ranges[:, 1] == 0.0).any()
    assert torch.allclose(found.light_ranges.cpu(), wanted.light_ranges, rtol=1e-4)
    assert torch.allclose(found.light_directions.cpu(), wanted.light_directions, atol=1e-5)
    assert torch.allclose(found.light_pdfs.cpu(), wanted.light_pdfs, rtol=2e-3)
    assert torch.allclose(found.light_amounts.cpu(), wanted.light_amounts, rtol=2e-3, atol=1e-6)


def _scatter(device: str, scatter: Callable[..., None]) -> tuple[Rays, Paths, LightSamples]:
    vertices = _vertices(device)
    rays, paths, samples = _rays(vertices), Paths.allocate(COUNT, device), LightSamples.allocate(COUNT, device)
    paths.throughputs.fill_(0.5)
    generator = torch.Generator().manual_seed(3)
    directions = torch.nn.functional.normalize(torch.randn(COUNT, 3, generator=generator), dim=1)
    samples.light_directions.copy_(directions)
    samples.light_amounts.fill_(2.0)
    samples.light_ranges[:, 1] = 10.0
    samples.light_pdfs[:] = torch.rand(COUNT, generator=generator).to(device)
    samples.light_pdfs[::3] = math.inf
    numbers = PathStep(seed=5, step=2, vertex=1, bounces=9, strategy=Strategy.BOTH, hides_environment=0)
    tables = AlbedoTables(*(table.to(device) for table in vars(albedo_tables(TEST_DEVICE)).values()))
    scatter(numbers, tables, rays, vertices, paths, samples)
    if device == "cpu":
        return rays, paths, samples
    return _on_cpu(rays), _on_cpu(paths), _on_cpu(samples)


def _on_cpu(bundle: _Bundle) -> _Bundle:
    return type(bundle)(*(tensor.cpu() for tensor in vars(bundle).values()))


def test_light_is_scattered_as_the_twin_scatters_it(device: str) -> None:
    rays, paths, samples = _scatter(device, shading.scatter)
    wanted_rays, wanted_paths, wanted_samples = _scatter("cpu", twin.scatter)
    alive = wanted_rays.t_range[:, 1] > 0.0
    # Where a draw is next to a threshold, rounding decides.
    assert ((rays.t_range[:, 1] > 0.0) != alive).sum() <= 4
    is_same = alive & (rays.t_range[:, 1] > 0.0) & ((rays.directions - wanted_rays.directions).norm(dim=1) < 1e-3)
    assert alive.float().mean() > 0.6 and is_same.sum() >= alive.sum() - 8
    assert torch.allclose(paths.throughputs[is_same], wanted_paths.throughputs[is_same], rtol=5e-3, atol=1e-4)
    assert torch.allclose(paths.scatter_pdfs[is_same], wanted_paths.scatter_pdfs[is_same], rtol=2e-2)
    assert paths.scatter_pdfs[is_same].isinf().any()
    assert torch.allclose(rays.origins[is_same], wanted_rays.origins[is_same], atol=1e-5)
    is_lit = wanted_samples.light_ranges[:, 1] > 0.0
    assert is_lit.float().mean() > 0.3
    shown, wanted = samples.light_amounts[is_lit], wanted_samples.light_amounts[is_lit]
    assert torch.allclose(shown, wanted, rtol=5e-3, atol=1e-5)


def test_directions_are_drawn_as_often_as_their_density_says(device: str) -> None:
    """Off one surface seen aslant: the mean of cosine / pdf over what is drawn is that of the half space, pi."""
    vertices = _vertices(device)
    vertices.sides[:] = vertices.shading_normals[:] = torch.tensor([0.0, 0.0, 1.0], device=device)
    vertices.surface_values[:] = torch.tensor([0.7, 0.7, 0.7, 0.5, 0.3, 0.0, 1.5, 1.5, 0.0919, 0.0], device=device)
    rays, paths, samples = _rays(vertices), Paths.allocate(COUNT, device), LightSamples.allocate(COUNT, device)
    rays.directions[:] = torch.tensor([0.6, 0.0, -0.8], device=device)
    rays.t_range[:, 1] = 1e18
    numbers = PathStep(seed=7, step=0, vertex=1, bounces=9, strategy=Strategy.BY_CHANCE, hides_environment=0)
    shading.scatter(numbers, albedo_tables(device), rays, vertices, paths, samples)
    is_drawn = rays.t_range[:, 1] > 0.0
    cosines = torch.where(is_drawn, rays.directions[:, 2] / paths.scatter_pdfs, 0.0).double()
    assert float(cosines.mean()) == pytest.approx(math.pi, abs=4.0 * float(cosines.std()) / math.sqrt(COUNT))
