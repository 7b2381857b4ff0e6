"""Twin of what ``taichi_kernels.surfaces.path_tracing.shading`` does at a vertex: asking lights, and scattering."""

from __future__ import annotations

import math

import torch

from taichi_kernels.bundles import Rays
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.surfaces.path_tracing.albedo_tables import AlbedoTables
from taichi_kernels.surfaces.path_tracing.bundles import (
    LightColumn,
    LightSamples,
    MaterialColumn,
    Paths,
    PathScene,
    PathStep,
    Strategy,
    ValueColumn,
    Vertices,
)
from taichi_kernels.surfaces.path_tracing.shading import VERTEX_NUMBERS
from taichi_kernels.torch_functions.random_numbers import uniform
from taichi_kernels.twins.surfaces.path_tracing.bsdf import evaluate, make_lobes, sample

_LIFT, _SHORTER, _FARTHEST = 4e-6, 1.0 - 1e-4, 1e18


def ask_lights(numbers: PathStep, scene: PathScene, rays: Rays, vertices: Vertices, samples: LightSamples) -> None:
    """As the kernel, of lights without textures, of which there is one at least, and an environment of one pixel."""
    count = len(vertices.points)
    which, u, v = (_draws(numbers, count, k) for k in range(3))
    lights = torch.searchsorted(scene.light_sums.double(), which, right=True).clamp(max=len(scene.light_sums) - 1)
    chances = scene.light_sums.double().diff(prepend=torch.zeros(1, dtype=torch.float64))[lights]
    triangles = len(scene.light_sums) - 1 - len(scene.lights)
    origins = vertices.points.double()
    by_triangle = _ask_triangles(scene, lights.clamp(max=max(triangles - 1, 0)), chances, origins, u, v)
    rows = (lights - triangles).clamp(0, len(scene.lights) - 1)
    by_lamp = _ask_lamps(scene.lights.double()[rows], chances, origins, u, v)
    z, angle = 1.0 - 2.0 * v, (0.5 - u) * 2.0 * math.pi
    across = (1.0 - z * z).sqrt()
    even = torch.full_like(u, 1.0 / (4.0 * math.pi)) * chances
    radiance = scene.environment.double()[0, 0].expand(count, 3) / even[:, None]
    around = torch.stack([across * angle.cos(), across * angle.sin(), z], dim=1)
    by_sky = around, torch.full_like(u, _FARTHEST), radiance, even
    is_asked = (rays.t_range[:, 1] > 0.0) & (vertices.surface_values[:, ValueColumn.IS_LAMP] == 0.0)
    parts = zip(by_triangle, by_lamp, by_sky, strict=True)
    direction, distance, amount, pdf = (_choose(lights, triangles, len(scene.lights), *each) for each in parts)
    is_lit = is_asked & (amount.amax(dim=1) > 0.0)
    samples.light_directions[is_asked], samples.light_amounts[is_asked] = (
        direction[is_asked].float(),
        amount[is_asked].float(),
    )
    samples.light_pdfs[is_asked] = pdf[is_asked].float()
    samples.light_ranges[:, 1] = torch.where(is_lit, distance, 0.0).float()


def _choose(lights: torch.Tensor, triangles: int, lamps: int, *kinds: torch.Tensor) -> torch.Tensor:
    shape = (-1,) + (1,) * (kinds[0].dim() - 1)
    lamp_or_sky = torch.where((lights < triangles + lamps).view(shape), kinds[1], kinds[2])
    return torch.where((lights < triangles).view(shape), kinds[0], lamp_or_sky)


_Asked = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def _ask_triangles(
    scene: PathScene,
    lights: torch.Tensor,
    chances: torch.Tensor,
    origins: torch.Tensor,
    u: torch.Tensor,
    v: torch.Tensor,
) -> _Asked:
    triangle = scene.emitters.long()[lights]
    first, second, third = scene.vertices.double()[triangle].view(-1, 3, 3).unbind(1)
    root = u.sqrt()[:, None]
    points = first + root * (1.0 - v)[:, None] * (second - first) + root * v[:, None] * (third - first)
    across = torch.linalg.cross(second - first, third - first)
    area = 0.5 * across.norm(dim=1)
    towards = points - origins
    distance = towards.norm(dim=1)
    direction = towards / distance[:, None]
    facing = (across / across.norm(dim=1, keepdim=True) * direction).sum(dim=1)
    pdf = chances * distance**2 / (area * facing.abs())
    row = scene.materials.double()[scene.material_ids.long()[triangle]]
    emission = row[:, MaterialColumn.EMISSION : MaterialColumn.EMISSION + 3]
    emits = (facing <= 0.0) | (row[:, MaterialColumn.IS_LAMP] == 0.0)
    return direction, distance * _SHORTER, torch.where(emits[:, None], emission, 0.0) / pdf[:, None], pdf


def _ask_lamps(
    rows: torch.Tensor, chances: torch.Tensor, origins: torch.Tensor, u: torch.Tensor, v: torch.Tensor
) -> _Asked:
    place = rows[:, LightColumn.PLACE : LightColumn.PLACE + 3]
    strength = rows[:, LightColumn.STRENGTH : LightColumn.STRENGTH + 3] / chances[:, None]
    towards = place - origins
    distance = towards.norm(dim=1)
    size = rows[:, LightColumn.SIZE].clamp(min=1e-12)
    down, angle = u * size, 2.0 * math.pi * v
    around = (down * (2.0 - down)).sqrt()
    first, second = make_frame(place)
    turned = around[:, None] * (angle.cos()[:, None] * first + angle.sin()[:, None] * second)
    disc = torch.nn.functional.normalize(turned + (1.0 - down)[:, None] * place, dim=1)
    is_sun, is_disc = rows[:, LightColumn.IS_SUN] > 0.0, rows[:, LightColumn.SIZE] > 1e-7
    wide = strength * 2.0 / (2.0 - size)[:, None]
    direction = torch.where(is_sun[:, None], torch.where(is_disc[:, None], disc, place), towards / distance[:, None])
    far = torch.where(is_sun[:, None], torch.where(is_disc[:, None], wide, strength), strength / distance[:, None] ** 2)
    pdf = torch.where(is_sun & is_disc, chances / (2.0 * math.pi * size), torch.inf)
    return direction, torch.where(is_sun, _FARTHEST, distance), far, pdf


def make_frame(axis: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """As the kernels', of [n, 3]."""
    x, y, z = axis.unbind(1)
    sign = torch.where(z >= 0.0, 1.0, -1.0)
    a = -1.0 / (sign + z)
    b = x * y * a
    first = torch.stack([1.0 + sign * x * x * a, sign * b, -sign * x], dim=1)
    return first, torch.stack([b, sign + y * y * a, -y], dim=1)


def scatter(
    numbers: PathStep, tables: AlbedoTables, rays: Rays, vertices: Vertices, paths: Paths, samples: LightSamples
) -> None:
    """As the kernel, at vertices before paths end by chance, of which none is at a lamp."""
    count, is_there = len(vertices.points), rays.t_range[:, 1] > 0.0
    z, sides = vertices.shading_normals.double(), vertices.sides.double()
    frame = torch.stack([*make_frame(z), z], dim=1)
    view = -_turn(frame, rays.directions.double())
    lobes = make_lobes(vertices.surface_values.double(), view[:, 2], tables)
    drawn, share = sample(
        lobes,
        view,
        _draws(numbers, count, 3),
        torch.stack([_draws(numbers, count, 4), _draws(numbers, count, 5)], dim=1),
    )
    towards = samples.light_directions.double()
    local, above = _turn(frame, towards), (sides * towards).sum(dim=1)
    value, pdf = evaluate(lobes, view, local)
    is_possible = (local[:, 2] * above > 0.0) & (samples.light_ranges[:, 1] > 0.0)
    asked_pdf = samples.light_pdfs.double()
    if numbers.strategy == Strategy.BOTH:
        weight = torch.where(asked_pdf.isfinite(), 1.0 / (1.0 + (pdf / asked_pdf) ** 2), 1.0)
        value = value * weight[:, None]
    amounts = torch.where(is_possible[:, None], paths.throughputs * value * samples.light_amounts, 0.0)
    samples.light_origins[is_there] = _lift(vertices, above)[is_there].float()
    samples.light_amounts[is_there] = amounts[is_there].float()
    samples.light_ranges[is_there, 1] *= (amounts.amax(dim=1) > 0.0)[is_there]
    onward = (frame * drawn[..., None]).sum(dim=1)
    local, above = _turn(frame, onward), (sides * onward).sum(dim=1)
    value, pdf = evaluate(lobes, view, local)
    is_single = share.amax(dim=1) > 0.0
    goes_on = is_there & (local[:, 2] * above > 0.0) & (is_single | (pdf > 0.0))
    step = torch.where(is_single[:, None], share, value / pdf[:, None])
    paths.throughputs[goes_on] = (paths.throughputs * step)[goes_on].float()
    paths.scatter_pdfs[goes_on] = torch.where(is_single, torch.inf, pdf)[goes_on].float()
    paths.bounces[goes_on] += 1
    rays.origins[goes_on] = _lift(vertices, above)[goes_on].float()
    rays.directions[goes_on] = onward[goes_on].float()
    rays.t_range[:, 1] *= goes_on


def _draws(numbers: PathStep, count: int, which: int) -> torch.Tensor:
    stream = RandomStream.PATH_VERTEX + VERTEX_NUMBERS * numbers.vertex
    return uniform(numbers.seed, numbers.step, torch.arange(count), stream + which).double()


def _turn(frame: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Directions [n, 3] in frames [n, 3, 3]."""
    return (frame * directions[:, None]).sum(dim=2)


def _lift(vertices: Vertices, above: torch.Tensor) -> torch.Tensor:
    points, sides = vertices.points.double(), vertices.sides.double()
    sides = torch.where((above > 0.0)[:, None], sides, -sides)
    return points + sides * (_LIFT * points.abs().amax(dim=1, keepdim=True).clamp(min=0.1))
