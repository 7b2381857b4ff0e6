"""Light on surfaces: lights with soft shadows, a sky that what is near hides, highlights (Walter et al. 2007)."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch.nn.functional import normalize

from engine.priors.scenes.scene import Lights
from taichi_kernels.bundles import Rays, TriangleTree
from taichi_kernels.surfaces.intersection import find_any

# Shadow rays begin so far from the surface.
_OFFSET = 5e-4
# How far what is near hides the sky, and how much of its light is reflected by what hides it.
_SKY_REACH, _BOUNCED = 0.6, 0.35
_DIELECTRIC = 0.04


@dataclasses.dataclass(frozen=True, eq=False)
class Surfaces:
    """``points``, ``colors`` of the material, unit ``normals`` to shade by and ``sides``, the triangles' own normals,
    both towards the camera, and ``views``, unit directions to the camera: [n, 3] f32; ``roughness``, ``metallic``
    [n]."""

    points: torch.Tensor
    colors: torch.Tensor
    normals: torch.Tensor
    sides: torch.Tensor
    views: torch.Tensor
    roughness: torch.Tensor
    metallic: torch.Tensor


def shade(surfaces: Surfaces, lights: Lights, tree: TriangleTree, generator: torch.Generator) -> torch.Tensor:
    """What the camera sees of the surfaces, [n, 3] f32 linear. Each point draws a place on each light and a direction
    to the sky: the mean over some is smooth."""
    diffuse = surfaces.colors * (1.0 - surfaces.metallic)[:, None]
    specular = torch.lerp(torch.full_like(surfaces.colors, _DIELECTRIC), surfaces.colors, surfaces.metallic[:, None])
    result = _sky(surfaces, diffuse, specular, lights.sky, tree, generator)
    for position, color, radius in zip(lights.positions, lights.colors, lights.radii, strict=True):
        offset = radius * _random_directions(len(result), result.device, generator)
        towards = position + offset - surfaces.points
        distance = towards.norm(dim=1, keepdim=True)
        towards = towards / distance
        facing = (surfaces.normals * towards).sum(dim=1)
        is_lit = (facing > 0.0) & ((surfaces.sides * towards).sum(dim=1) > 0.0)
        is_lit &= ~_is_hidden(surfaces, towards, distance[:, 0], tree)
        seen = diffuse + _highlight(surfaces, towards, specular)
        result += torch.where(is_lit, facing, 0.0)[:, None] * seen * color
    return result


def _sky(
    surfaces: Surfaces,
    diffuse: torch.Tensor,
    specular: torch.Tensor,
    sky: torch.Tensor,
    tree: TriangleTree,
    generator: torch.Generator,
) -> torch.Tensor:
    normals = surfaces.normals
    towards = normalize(normals + 0.999 * _random_directions(len(normals), normals.device, generator), dim=1)
    hidden = _is_hidden(surfaces, towards, torch.full_like(towards[:, 0], _SKY_REACH), tree)
    above, below = sky[0], sky[1]
    light = torch.lerp(below, above, 0.5 + 0.5 * towards[:, 2:])
    light = torch.where(hidden[:, None], _BOUNCED * light * (0.3 + 0.7 * surfaces.colors), light)
    mirrored = 2.0 * (normals * surfaces.views).sum(dim=1, keepdim=True) * normals - surfaces.views
    reflected = torch.lerp(below, above, (0.5 + mirrored[:, 2:] * (1.5 - surfaces.roughness[:, None])).clamp(0.0, 1.0))
    reflected = torch.where(hidden[:, None], _BOUNCED * reflected, reflected)
    return diffuse * light + _fresnel(specular, (normals * surfaces.views).sum(dim=1), surfaces.roughness) * reflected


def _highlight(surfaces: Surfaces, towards: torch.Tensor, specular: torch.Tensor) -> torch.Tensor:
    """Reflected share by GGX with Smith's shadowing, times pi, as a white surface reflects 1 here."""
    half = normalize(towards + surfaces.views, dim=1)
    alpha = surfaces.roughness.square().clamp(min=0.02)
    to_half = (surfaces.normals * half).sum(dim=1).clamp(0.0, 1.0)
    to_light = (surfaces.normals * towards).sum(dim=1).clamp(1e-3, 1.0)
    to_view = (surfaces.normals * surfaces.views).sum(dim=1).clamp(1e-3, 1.0)
    spread = alpha.square() / (to_half.square() * (alpha.square() - 1.0) + 1.0).square()
    shadowing = (to_light * (1.0 - alpha / 2) + alpha / 2) * (to_view * (1.0 - alpha / 2) + alpha / 2)
    weight = spread / (4.0 * shadowing)
    return weight[:, None] * _fresnel(specular, (half * surfaces.views).sum(dim=1), torch.zeros_like(weight))


def _fresnel(specular: torch.Tensor, cosine: torch.Tensor, roughness: torch.Tensor) -> torch.Tensor:
    """Schlick 1994; rough surfaces have less of a bright edge."""
    edge = torch.maximum((1.0 - roughness)[:, None].expand_as(specular), specular)
    return specular + (edge - specular) * (1.0 - cosine.clamp(0.0, 1.0))[:, None] ** 5


def _is_hidden(surfaces: Surfaces, towards: torch.Tensor, distances: torch.Tensor, tree: TriangleTree) -> torch.Tensor:
    origins = surfaces.points + _OFFSET * surfaces.sides
    t_range = torch.stack([torch.full_like(distances, 1e-4), distances], dim=1)
    is_hit = torch.empty(len(origins), dtype=torch.int32, device=origins.device)
    find_any(tree, Rays(origins, towards.contiguous(), t_range), is_hit)
    return is_hit != 0


def _random_directions(count: int, device: torch.device, generator: torch.Generator) -> torch.Tensor:
    """Unit vectors [count, 3], evenly over the sphere."""
    draws = torch.rand(count, 2, device=device, generator=generator)
    z = 2.0 * draws[:, 0] - 1.0
    angle, across = 2.0 * math.pi * draws[:, 1], (1.0 - z * z).clamp(min=0.0).sqrt()
    return torch.stack([across * angle.cos(), across * angle.sin(), z], dim=1)
