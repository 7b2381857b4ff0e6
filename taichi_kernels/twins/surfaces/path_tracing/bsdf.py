"""Twin of ``taichi_kernels.surfaces.path_tracing.bsdf``: on tensors, in float64."""

from __future__ import annotations

import dataclasses
import itertools
import math

import torch

from taichi_kernels.surfaces.path_tracing.albedo_tables import (
    HIGHEST_STRENGTH,
    LEAST_ALPHA,
    LEAST_REFRACTION,
    TABLE_SIZE,
    AlbedoTables,
)
from taichi_kernels.surfaces.path_tracing.bundles import ValueColumn
from taichi_kernels.twins.surfaces.path_tracing import microfacets


@dataclasses.dataclass
class Lobes:
    """As the kernels' struct, of n surfaces: ``base``, ``metal``, ``diffuse`` [n, 3], the others [n]."""

    base: torch.Tensor
    alpha: torch.Tensor
    glass_eta: torch.Tensor
    layer_eta: torch.Tensor
    metal: torch.Tensor
    layer: torch.Tensor
    glass: torch.Tensor
    diffuse: torch.Tensor
    glass_chance: torch.Tensor
    diffuse_chance: torch.Tensor

    @property
    def mirror_chance(self) -> torch.Tensor:
        """What the others leave."""
        return 1.0 - self.glass_chance - self.diffuse_chance


def make_lobes(values: torch.Tensor, cosine: torch.Tensor, tables: AlbedoTables) -> Lobes:
    """Of ``values`` [n, VALUE_COLUMNS] and ``cosine`` [n] f64."""
    base = values[:, :3]
    roughness, metallic = values[:, ValueColumn.ROUGHNESS], values[:, ValueColumn.METALLIC]
    transmission, glass_eta = values[:, ValueColumn.TRANSMISSION], values[:, ValueColumn.GLASS_ETA]
    layer_eta, layer_mean = values[:, ValueColumn.LAYER_ETA], values[:, ValueColumn.LAYER_MEAN]
    seen = _interpolate(tables.mirror_albedos, roughness, cosine)
    mean = _interpolate(tables.mirror_means, roughness)
    missing = (1.0 - seen) / seen
    once = base + (1.0 - base) / 21.0
    more = missing[:, None] * once * mean[:, None] / (1.0 - once * (1.0 - mean[:, None]))
    glass, opaque = (1.0 - metallic) * transmission, (1.0 - metallic) * (1.0 - transmission)
    sides = tables.glass_albedos.view(2, TABLE_SIZE, *tables.glass_albedos.shape[1:])
    kept = [_interpolate(side, roughness, cosine, _strength(glass_eta)) for side in sides]
    scale = 1.0 + missing * layer_mean * mean / (1.0 - layer_mean * (1.0 - mean))
    shine = scale * _interpolate(tables.dielectric_albedos, roughness, cosine, _strength(layer_eta))
    shine = shine.clamp(max=1.0)
    diffuse = (opaque * (1.0 - shine))[:, None] * base
    total = metallic * microfacets.schlick(base, cosine).amax(dim=1) + opaque * shine + glass + diffuse.amax(dim=1)
    is_straight = (glass_eta - 1.0).abs() < LEAST_REFRACTION
    return Lobes(
        base,
        roughness**2,
        torch.where(is_straight, 1.0, glass_eta),
        layer_eta,
        metallic[:, None] * (1.0 + more),
        opaque * scale,
        torch.where(is_straight, glass, glass / torch.where(glass_eta < 1.0, kept[1], kept[0])),
        diffuse,
        glass / total,
        diffuse.amax(dim=1) / total,
    )


def evaluate(lobes: Lobes, view: torch.Tensor, light: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Values [n, 3] and pdfs [n] of unit directions [n, 3]."""
    is_rough = lobes.alpha >= LEAST_ALPHA
    is_above = light[:, 2] > 0.0
    value = lobes.diffuse * (light[:, 2:] / math.pi)
    pdf = lobes.diffuse_chance * light[:, 2] / math.pi
    half = torch.nn.functional.normalize(view + light, dim=1)
    cosine = (view * half).sum(dim=1)
    to_view, to_light = microfacets.masking(view, lobes.alpha), microfacets.masking(light, lobes.alpha)
    drawn = microfacets.distribution(half, lobes.alpha) / ((1.0 + to_view) * 4.0 * view[:, 2])
    seen = (1.0 + to_view) / (1.0 + to_view + to_light)
    glass = microfacets.dielectric_reflectance(cosine, lobes.glass_eta)
    gray = lobes.layer * microfacets.dielectric_reflectance(cosine, lobes.layer_eta) + lobes.glass * glass
    shine = (drawn * seen)[:, None] * (lobes.metal * microfacets.schlick(lobes.base, cosine) + gray[:, None])
    value = value + torch.where(is_rough[:, None], shine, 0.0)
    pdf = pdf + torch.where(is_rough, drawn * (lobes.mirror_chance + lobes.glass_chance * glass), 0.0)
    beyond_value, beyond_pdf = _evaluate_beyond(lobes, view, light, seen, to_view)
    is_beyond = is_rough & (light[:, 2] < 0.0) & (lobes.glass > 0.0) & (lobes.glass_eta != 1.0)
    beyond_value = torch.where(is_beyond[:, None], beyond_value, 0.0)
    beyond_pdf = torch.where(is_beyond, beyond_pdf, 0.0)
    return torch.where(is_above[:, None], value, beyond_value), torch.where(is_above, pdf, beyond_pdf)


def _evaluate_beyond(
    lobes: Lobes, view: torch.Tensor, light: torch.Tensor, seen: torch.Tensor, to_view: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    eta = lobes.glass_eta
    half = torch.nn.functional.normalize(view + eta[:, None] * light, dim=1)
    half = half * torch.where(half[:, 2:] > 0.0, 1.0, -1.0)
    before, beyond = (view * half).sum(dim=1), (light * half).sum(dim=1)
    drawn = microfacets.distribution(half, lobes.alpha) * before / ((1.0 + to_view) * view[:, 2])
    drawn = drawn * eta**2 * -beyond / (before + eta * beyond) ** 2
    through = drawn * (1.0 - microfacets.dielectric_reflectance(before, eta))
    through = torch.where((before > 0.0) & (beyond < 0.0), through, 0.0)
    return (through * seen * lobes.glass)[:, None] * lobes.base.sqrt(), through * lobes.glass_chance


def sample(
    lobes: Lobes, view: torch.Tensor, chance: torch.Tensor, draws: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Directions and weights [n, 3], by ``chance`` [n] and ``draws`` [n, 2] in [0, 1)."""
    across, angle = draws[:, 0].sqrt(), 2.0 * math.pi * draws[:, 1]
    up = (1.0 - draws[:, 0]).clamp(min=1e-12).sqrt()
    diffuse = torch.stack([across * angle.cos(), across * angle.sin(), up], dim=1)
    left = chance - lobes.diffuse_chance
    is_diffuse, is_glass = left < 0.0, left < lobes.glass_chance
    is_flat = (lobes.alpha < LEAST_ALPHA) | (is_glass & (lobes.glass_eta == 1.0))
    straight = torch.tensor([0.0, 0.0, 1.0], dtype=view.dtype, device=view.device)
    rough = microfacets.visible_normals(view, lobes.alpha.clamp(min=LEAST_ALPHA), draws)
    half = torch.where(is_flat[:, None], straight, rough)
    cosine = (view * half).sum(dim=1)
    goes_through = is_glass & (left > lobes.glass_chance * microfacets.dielectric_reflectance(cosine, lobes.glass_eta))
    mirrored, beyond = microfacets.reflect(view, half), microfacets.refract(view, half, lobes.glass_eta)
    light = torch.where(goes_through[:, None], beyond, mirrored)
    light = torch.where(((light[:, 2] < 0.0) == goes_through)[:, None], light, 0.0)
    tint = torch.where(goes_through[:, None], lobes.base.sqrt(), 1.0)
    gray = lobes.layer * microfacets.dielectric_reflectance(cosine, lobes.layer_eta)
    mirror = (lobes.metal * microfacets.schlick(lobes.base, cosine) + gray[:, None]) / lobes.mirror_chance[:, None]
    weight = torch.where(is_glass[:, None], (lobes.glass / lobes.glass_chance)[:, None] * tint, mirror)
    is_single = is_flat & ~is_diffuse
    return torch.where(is_diffuse[:, None], diffuse, light), torch.where(is_single[:, None], weight, 0.0)


def _strength(eta: torch.Tensor) -> torch.Tensor:
    return ((eta - 1.0).abs() / (eta + 1.0)).sqrt() / HIGHEST_STRENGTH


def _interpolate(table: torch.Tensor, *places: torch.Tensor) -> torch.Tensor:
    """Between the table's values, at places from 0 to 1 along each of its dimensions."""
    at = [place.clamp(0.0, 1.0) * (size - 1) for place, size in zip(places, table.shape, strict=True)]
    first = [each.long().clamp(max=size - 2) for each, size in zip(at, table.shape, strict=True)]
    total = torch.zeros_like(places[0])
    for corner in itertools.product((0, 1), repeat=len(places)):
        weight = torch.ones_like(total)
        for each, low, up in zip(at, first, corner, strict=True):
            weight = weight * (each - low if up else 1.0 - (each - low))
        total += weight * table.double()[tuple(low + up for low, up in zip(first, corner, strict=True))]
    return total
