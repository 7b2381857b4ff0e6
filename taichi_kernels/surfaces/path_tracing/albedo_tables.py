"""How much light microfacets reflect and let through at one go, in tables: what is missing to all of it has met several
microfacets, and is put back by scaling (Kulla and Conty 2017; Turquin 2019).

Tables are over roughness, the cosine between view and normal, and the strength of refraction, sqrt(|eta - 1| / (eta +
1)), evenly from 0 to 1, 1 and HIGHEST_STRENGTH.
"""

import dataclasses
import functools

import taichi as ti
import torch

from taichi_kernels.launch import kernel
from taichi_kernels.surfaces.path_tracing.microfacets import (
    dielectric_reflectance,
    masking,
    reflect,
    refract,
    visible_normal,
)

TABLE_SIZE = 24
ETA_SIZE = 12
HIGHEST_STRENGTH = 0.92  # an index of about 12
# The surface counts as flat below: lobes are so narrow that float32 can't tell their directions apart.
LEAST_ALPHA = 1e-3
# Glass whose index, divided by that around it, is nearer to 1 lets all light go straight on: before and beyond are
# opposite to each other, and no microfacet can be told that would turn one into the other.
LEAST_REFRACTION = 1e-4
_LEAST_COSINE = 5e-3
_DRAWS = 512
# Steps of a sequence that fills a square evenly (Roberts 2018).
_STEPS = (0.7548776662466927, 0.5698402909980532)


@dataclasses.dataclass(frozen=True, eq=False)
class AlbedoTables:
    """``mirror_albedos`` [TABLE_SIZE, TABLE_SIZE] f32 of microfacets that reflect all, and their ``mirror_means``
    [TABLE_SIZE] over all views; ``dielectric_albedos`` [TABLE_SIZE, TABLE_SIZE, ETA_SIZE] of what dielectric ones
    reflect; ``glass_albedos`` [2 * TABLE_SIZE, TABLE_SIZE, ETA_SIZE] of what these reflect and let through, first seen
    from the thinner, then from the denser side."""

    mirror_albedos: torch.Tensor
    mirror_means: torch.Tensor
    dielectric_albedos: torch.Tensor
    glass_albedos: torch.Tensor


@kernel
def _fill_tables(
    mirror_albedos: ti.types.ndarray(), dielectric_albedos: ti.types.ndarray(), glass_albedos: ti.types.ndarray()
):
    for row, column, layer in ti.ndrange(TABLE_SIZE, TABLE_SIZE, ETA_SIZE):
        roughness = row / (TABLE_SIZE - 1.0)
        alpha = ti.max(roughness * roughness, LEAST_ALPHA)
        cosine = ti.max(column / (TABLE_SIZE - 1.0), _LEAST_COSINE)
        strength = layer / (ETA_SIZE - 1.0) * HIGHEST_STRENGTH
        eta = (1.0 + strength * strength) / (1.0 - strength * strength)
        view = ti.math.vec3(ti.sqrt(1.0 - cosine * cosine), 0.0, cosine)
        to_view = 1.0 + masking(view, alpha)
        mirror, dielectric, sides = 0.0, 0.0, ti.math.vec2(0.0)
        for draw in range(_DRAWS):
            half = visible_normal(view, alpha, (0.5 + draw * _STEPS[0]) % 1.0, (0.5 + draw * _STEPS[1]) % 1.0)
            facing = view.dot(half)
            light = reflect(view, half)
            seen = 0.0
            if light.z > 0.0:
                seen = to_view / (to_view + masking(light, alpha))
            mirror += seen
            for side in ti.static(range(2)):
                index = eta if side == 0 else 1.0 / eta
                reflected = dielectric_reflectance(facing, index)
                beyond = refract(view, half, index)
                if beyond.z < 0.0:
                    sides[side] += (1.0 - reflected) * to_view / (to_view + masking(beyond, alpha))
                sides[side] += reflected * seen
                if ti.static(side == 0):
                    dielectric += reflected * seen
        if layer == 0:
            mirror_albedos[row, column] = mirror / _DRAWS
        dielectric_albedos[row, column, layer] = dielectric / _DRAWS
        for side in ti.static(range(2)):
            glass_albedos[side * TABLE_SIZE + row, column, layer] = ti.max(sides[side] / _DRAWS, 1e-3)


@functools.cache
def albedo_tables(device: str) -> AlbedoTables:
    """Those of a device, made once a process."""
    mirror = torch.empty(TABLE_SIZE, TABLE_SIZE, device=device)
    dielectric = torch.empty(TABLE_SIZE, TABLE_SIZE, ETA_SIZE, device=device)
    glass = torch.empty(2 * TABLE_SIZE, TABLE_SIZE, ETA_SIZE, device=device)
    _fill_tables(mirror, dielectric, glass)
    line = torch.linspace(0.0, 1.0, TABLE_SIZE, device=device)
    # The mean over all directions into which light leaves, weighted by their cosine.
    means = 2.0 * torch.trapezoid(mirror * line, line, dim=1)
    return AlbedoTables(mirror, means.clamp(max=1.0), dielectric, glass)
