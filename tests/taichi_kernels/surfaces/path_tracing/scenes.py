"""Small scenes whose light is known."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch

from taichi_kernels.surfaces.path_tracing.bundles import (
    LIGHT_COLUMNS,
    MATERIAL_COLUMNS,
    TEXTURE_COLUMNS,
    LightColumn,
    MaterialColumn,
    PathScene,
)
from taichi_kernels.surfaces.path_tracing.scene_tensors import make_path_scene
from taichi_kernels.surfaces.path_tracing.tracing import PathSettings, PathTracer

Triple = tuple[float, float, float]


@dataclasses.dataclass
class Material:
    """As the Principled BSDF's inputs; ``level`` is the shine of the layer over the diffuse part: 0.5 by its index."""

    base: Triple = (1.0, 1.0, 1.0)
    roughness: float = 0.5
    metallic: float = 0.0
    transmission: float = 0.0
    emission: Triple = (0.0, 0.0, 0.0)
    eta: float = 1.5
    has_layer: bool = True
    is_lamp: bool = False

    def row(self) -> torch.Tensor:
        row = torch.zeros(MATERIAL_COLUMNS)
        row[MaterialColumn.BASE : MaterialColumn.BASE + 3] = torch.tensor(self.base)
        row[MaterialColumn.ROUGHNESS], row[MaterialColumn.METALLIC] = self.roughness, self.metallic
        row[MaterialColumn.TRANSMISSION] = self.transmission
        row[MaterialColumn.EMISSION : MaterialColumn.EMISSION + 3] = torch.tensor(self.emission)
        row[MaterialColumn.ETA] = self.eta
        row[MaterialColumn.SPECULAR_ETA] = self.eta if self.has_layer else 1.0
        row[MaterialColumn.SPECULAR_MEAN] = 0.0919 if self.has_layer else 0.0  # of 1.5, over all directions
        row[MaterialColumn.IS_LAMP] = float(self.is_lamp)
        return row


def rectangle(low: Triple, across: Triple, along: Triple) -> torch.Tensor:
    """Two triangles [2, 3, 3], whose front is the side towards ``across`` x ``along``."""
    a, u, v = (torch.tensor(each) for each in (low, across, along))
    return torch.stack([torch.stack([a, a + u, a + u + v]), torch.stack([a, a + u + v, a + v])])


def plane(height: float = 0.0, half: float = 50.0, faces_down: bool = False) -> torch.Tensor:
    """A large square across z."""
    sign = -1.0 if faces_down else 1.0
    return rectangle((-half, -half * sign, height), (2 * half, 0.0, 0.0), (0.0, 2 * half * sign, 0.0))


def sun(towards: Triple, irradiance: float, angle: float = 0.0) -> torch.Tensor:
    row = torch.zeros(LIGHT_COLUMNS)
    row[LightColumn.IS_SUN] = 1.0
    row[LightColumn.PLACE : LightColumn.PLACE + 3] = torch.nn.functional.normalize(torch.tensor(towards), dim=0)
    row[LightColumn.STRENGTH : LightColumn.STRENGTH + 3] = irradiance
    row[LightColumn.SIZE] = 2.0 * math.sin(angle / 4.0) ** 2
    return row


def point(place: Triple, intensity: float) -> torch.Tensor:
    row = torch.zeros(LIGHT_COLUMNS)
    row[LightColumn.PLACE : LightColumn.PLACE + 3] = torch.tensor(place)
    row[LightColumn.STRENGTH : LightColumn.STRENGTH + 3] = intensity
    return row


def make_scene(
    things: list[tuple[torch.Tensor, Material]],
    device: str,
    lights: list[torch.Tensor] | None = None,
    environment: torch.Tensor | float = 0.0,
    **others: Any,
) -> PathScene:
    """Of triangles [n, 3, 3] with a material each, flat; ``environment`` [h, w, 3], or the same all around."""
    corners = torch.cat([triangles for triangles, _ in things])
    sides = torch.nn.functional.normalize(
        torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), dim=1
    )
    ids = torch.cat([torch.full((len(triangles),), k) for k, (triangles, _) in enumerate(things)])
    around = environment if isinstance(environment, torch.Tensor) else torch.full((1, 1, 3), float(environment))
    tensors = {
        "uvs": torch.zeros(len(corners), 3, 2),
        "materials": torch.stack([material.row() for _, material in things]),
        "material_textures": torch.full((len(things), TEXTURE_COLUMNS), -1, dtype=torch.int32),
        "lights": torch.stack(lights) if lights else torch.zeros(0, LIGHT_COLUMNS),
        "environment": around,
    } | {name: value for name, value in others.items() if name not in {"textures", "encodings"}}
    return make_path_scene(
        corners.to(device),
        sides[:, None].expand(-1, 3, -1).to(device),
        material_ids=ids.int().to(device),
        textures=[texture.to(device) for texture in others.get("textures", [])],
        encodings=others.get("encodings", [0] * len(others.get("textures", []))),
        **{name: tensor.to(device) for name, tensor in tensors.items()},
    )


def look(
    scene: PathScene,
    origin: Triple,
    direction: Triple,
    samples: int = 20_000,
    settings: PathSettings | None = None,
    seed: int = 1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The radiance [3] that comes along a ray, and its standard error [3], by so many paths."""
    tracer = PathTracer(scene, samples)
    tracer.rays.origins[:] = torch.tensor(origin)
    tracer.rays.directions[:] = torch.nn.functional.normalize(torch.tensor(direction), dim=0)
    tracer.rays.t_range[:] = torch.tensor([0.0, 1e18])
    tracer.trace(settings or PathSettings(), seed, 0)
    found = tracer.paths.radiance.double().cpu()
    assert found.isfinite().all()
    return found.mean(dim=0), found.std(dim=0) / math.sqrt(samples)
