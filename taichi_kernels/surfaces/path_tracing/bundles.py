"""What the path tracer's kernels take: a scene as tensors, paths, and where these look for light.

Colours are scene-linear, lengths are metres. Radiance is in Blender's units, in which a white World of strength 1 has
the radiance 1.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Self

import torch

from taichi_kernels.bundles import Rays, TriangleTree
from taichi_kernels.launch import numbers_of, tensors_of
from taichi_kernels.surfaces.path_tracing.albedo_tables import AlbedoTables


class MaterialColumn(enum.IntEnum):
    """Columns of a material's row."""

    BASE = 0  # three
    ROUGHNESS = 3
    METALLIC = 4
    TRANSMISSION = 5
    EMISSION = 6  # three: radiance
    ETA = 9  # index of refraction of what is inside
    SPECULAR_ETA = 10  # of the layer that shines over the diffuse part
    SPECULAR_MEAN = 11  # its reflectance over all directions
    IS_LAMP = 12  # 1: emits from its front alone, and is in nobody's way; the camera doesn't see it


class TextureColumn(enum.IntEnum):
    """Columns of a material's textures: -1, or a texture that multiplies the values of the row."""

    BASE = 0
    ROUGHNESS = 1
    METALLIC = 2
    TRANSMISSION = 3
    EMISSION = 4


class LightColumn(enum.IntEnum):
    """Columns of the row of a light without triangles. A point light has a position and a radiant intensity, a sun the
    direction towards it and its irradiance."""

    IS_SUN = 0
    PLACE = 1  # three
    STRENGTH = 4  # three
    SIZE = 7  # of a sun: 1 - cosine of half its angle; 0: a single direction


MATERIAL_COLUMNS, TEXTURE_COLUMNS, LIGHT_COLUMNS = 13, 5, 8


class Strategy(enum.IntEnum):
    """How paths find light: by chance, by asking lights, or both, weighted by how likely each was (Veach and Guibas
    1995)."""

    BOTH = 0
    BY_CHANCE = 1
    BY_LIGHTS = 2


@dataclasses.dataclass(frozen=True, eq=False)
class PathScene:
    """Triangles: ``tree`` over all, ``surface_tree`` over those that aren't lamps; ``vertices`` [n, 9], ``normals`` [n,
    9] to shade by and ``uvs`` [n, 6] f32 of each one's corners, ``material_ids`` [n] int32, ``emitter_ids`` [n] int32
    (-1: emits nothing).

    Materials: ``materials`` [m, MATERIAL_COLUMNS] f32, ``material_textures`` [m, TEXTURE_COLUMNS] int32; ``texels``
    [t, 3] f16, ``texture_sizes`` [k, 4] int32: first texel, width, height, 1 where texels are sRGB and not linear.

    Lights are, in this order, ``emitters`` [e] int32, triangles; ``lights`` [l, LIGHT_COLUMNS] f32; ``environment`` [h,
    w, 3] f32. ``light_sums`` [e + l + 1] f32: running sum of how likely each is asked; 1 at the end, or all 0 without
    light. The environment is equirectangular, the zenith in its first row, +X in its middle and +Y left of it.
    ``environment_rows`` [h] and ``environment_columns`` [h * w] f32: running sums of how likely a row is asked, and a
    pixel of it, for each row."""

    tree: TriangleTree
    surface_tree: TriangleTree
    vertices: torch.Tensor
    normals: torch.Tensor
    uvs: torch.Tensor
    material_ids: torch.Tensor
    emitter_ids: torch.Tensor
    materials: torch.Tensor
    material_textures: torch.Tensor
    texels: torch.Tensor
    texture_sizes: torch.Tensor
    emitters: torch.Tensor
    lights: torch.Tensor
    light_sums: torch.Tensor
    environment: torch.Tensor
    environment_rows: torch.Tensor
    environment_columns: torch.Tensor

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.vertices.device


@dataclasses.dataclass(frozen=True, eq=False)
class Paths:
    """``throughputs`` [n, 3] f32: which share of the light at the path's end reaches its beginning; ``radiance`` [n, 3]
    f32, added to; ``scatter_pdfs`` [n] f32: how likely the last direction was, per solid angle, +inf where it was the
    only one; ``bounces`` [n] int32: how often it was scattered, which passing a lamp is not."""

    throughputs: torch.Tensor
    radiance: torch.Tensor
    scatter_pdfs: torch.Tensor
    bounces: torch.Tensor

    @classmethod
    def allocate(cls, count: int, device: str | torch.device) -> Self:
        """Without any light so far."""
        return cls(
            torch.ones(count, 3, device=device),
            torch.zeros(count, 3, device=device),
            torch.full((count,), torch.inf, device=device),
            torch.zeros(count, dtype=torch.int32, device=device),
        )

    def begin(self) -> None:
        """Anew from the camera; the radiance is kept."""
        self.throughputs.fill_(1.0)
        self.scatter_pdfs.fill_(torch.inf)
        self.bounces.zero_()


class ValueColumn(enum.IntEnum):
    """Columns of what a surface is like at a vertex, the first as those of a material."""

    BASE = 0  # three
    ROUGHNESS = 3
    METALLIC = 4
    TRANSMISSION = 5
    GLASS_ETA = 6  # beyond the surface, divided by that on the view's side
    LAYER_ETA = 7
    LAYER_MEAN = 8
    IS_LAMP = 9


VALUE_COLUMNS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Vertices:
    """Where paths are: ``points`` [n, 3]; unit ``sides`` [n, 3], the triangles' own normals, and ``shading_normals``
    [n, 3], both on the side that the path comes from; ``surface_values`` [n, VALUE_COLUMNS], f32. Undefined where a
    path has ended."""

    points: torch.Tensor
    sides: torch.Tensor
    shading_normals: torch.Tensor
    surface_values: torch.Tensor

    @classmethod
    def allocate(cls, count: int, device: str | torch.device) -> Self:
        """Room for ``count``."""
        return cls(*(torch.zeros(count, columns, device=device) for columns in (3, 3, 3, VALUE_COLUMNS)))


@dataclasses.dataclass(frozen=True, eq=False)
class LightSamples:
    """The light that each path would get if nothing were between: ``light_origins``, ``light_directions``,
    ``light_amounts`` [n, 3] f32, ``light_ranges`` [n, 2] f32 (none where the first is not below the second), and
    ``light_pdfs`` [n] f32, how likely that direction was asked for, +inf where chance never finds it."""

    light_origins: torch.Tensor
    light_directions: torch.Tensor
    light_ranges: torch.Tensor
    light_amounts: torch.Tensor
    light_pdfs: torch.Tensor

    @classmethod
    def allocate(cls, count: int, device: str | torch.device) -> Self:
        """Room for ``count``."""
        shapes = ((count, 3), (count, 3), (count, 2), (count, 3), (count,))
        return cls(*(torch.zeros(shape, device=device) for shape in shapes))

    @property
    def rays(self) -> Rays:
        """From the paths towards the lights."""
        return Rays(self.light_origins, self.light_directions, self.light_ranges)


@dataclasses.dataclass(frozen=True)
class PathStep:
    """``seed`` and ``step`` of the random numbers; ``vertex``: which one of its paths, 0 the first surface, lamps that
    are passed included; ``bounces``: after which paths end at the next surface, the first one not counted;
    ``strategy``: a Strategy; ``hides_environment``: 1 where the camera doesn't see it."""

    seed: int
    step: int
    vertex: int
    bounces: int
    strategy: int
    hides_environment: int


SceneTensors, PathTensors, VertexTensors = tensors_of(PathScene), tensors_of(Paths), tensors_of(Vertices)
LightSampleTensors = tensors_of(LightSamples)
TableTensors, StepNumbers = tensors_of(AlbedoTables), numbers_of(PathStep)
