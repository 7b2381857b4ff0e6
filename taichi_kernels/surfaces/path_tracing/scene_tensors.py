"""A scene for the path tracer: its hierarchy, and which lights are asked how often."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn.functional import pad

from taichi_kernels.bundles import TriangleTree
from taichi_kernels.surfaces.bvh import build_tree
from taichi_kernels.surfaces.path_tracing.bundles import (
    LIGHT_COLUMNS,
    LightColumn,
    MaterialColumn,
    PathScene,
    TextureColumn,
)

# So much of the asking is shared out evenly among kinds of light, for what is powerful may be far away or behind walls.
_EVEN_SHARE = 0.2
_LUMINANCE = (0.2126, 0.7152, 0.0722)


def make_path_scene(
    corners: torch.Tensor,
    normals: torch.Tensor,
    uvs: torch.Tensor,
    material_ids: torch.Tensor,
    materials: torch.Tensor,
    material_textures: torch.Tensor,
    textures: Sequence[torch.Tensor],
    encodings: Sequence[int],
    lights: torch.Tensor,
    environment: torch.Tensor,
) -> PathScene:
    """The scene of triangles with ``corners`` and ``normals`` [n, 3, 3] and ``uvs`` [n, 3, 2] f32 and ``material_ids``
    [n]; ``textures`` [h, w, 3], with an ``encodings`` of 1 where they are sRGB, 0 where they are linear; the others are
    as PathScene has them, with any number of ``lights``. On the device of ``corners``. Raises ValueError as
    ``build_tree``."""
    device = corners.device
    tree = build_tree(corners)
    texels = [texture.reshape(-1, 3) for texture in textures] or [torch.ones(1, 3, device=device)]
    sizes, means = _texture_sizes(textures, encodings), _texture_means(texels, encodings)
    powers = _triangle_powers(corners, material_ids, materials, material_textures, means.to(device))
    emitters = (powers > 0.0).nonzero()[:, 0]
    emitter_ids = torch.full((max(len(corners), 1),), -1, dtype=torch.int32, device=device)
    emitter_ids[emitters] = torch.arange(len(emitters), dtype=torch.int32, device=device)
    # Kernels take no tensors without rows: one lamp that nobody asks is always there.
    lamps = torch.cat([lights.float().to(device), torch.zeros(1, LIGHT_COLUMNS, device=device)])
    radius = _radius(corners)
    light_sums = _light_sums(powers[emitters], _lamp_powers(lamps, radius), _environment_power(environment, radius))
    rows, columns = _environment_sums(environment)
    return PathScene(
        tree,
        _surface_tree(tree, corners, materials[material_ids.long(), MaterialColumn.IS_LAMP] > 0.0),
        _rows(corners.reshape(-1, 9)),
        _rows(normals.reshape(-1, 9)),
        _rows(uvs.reshape(-1, 6)),
        _rows(material_ids.int()),
        emitter_ids,
        materials.float().contiguous(),
        material_textures.int().contiguous(),
        torch.cat(texels).half().to(device).contiguous(),
        sizes.to(device),
        _rows(emitters.int()),
        lamps,
        light_sums,
        environment.float().contiguous(),
        rows,
        columns,
    )


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    """With one row at least."""
    return tensor.contiguous() if len(tensor) else tensor.new_zeros(1, *tensor.shape[1:])


def _surface_tree(tree: TriangleTree, corners: torch.Tensor, is_lamp: torch.Tensor) -> TriangleTree:
    """Over the triangles that aren't lamps, numbered as in ``tree`` over all."""
    if not bool(is_lamp.any()):
        return tree
    surfaces = (~is_lamp).nonzero()[:, 0]
    result = build_tree(corners[surfaces])
    if len(surfaces):
        numbers = surfaces.int()[result.triangles.clamp(min=0).long()]
        result.triangles.copy_(torch.where(result.triangles >= 0, numbers, -1))
    return result


def _texture_sizes(textures: Sequence[torch.Tensor], encodings: Sequence[int]) -> torch.Tensor:
    """As PathScene has them, with one row at least."""
    rows, first = [], 0
    for texture, encoding in zip(textures, encodings, strict=True):
        height, width, _ = texture.shape
        rows.append([first, width, height, encoding])
        first += height * width
    return torch.tensor(rows or [[0, 1, 1, 0]], dtype=torch.int32)


def _texture_means(texels: Sequence[torch.Tensor], encodings: Sequence[int]) -> torch.Tensor:
    """[k, 3]: how bright each texture is."""
    means = []
    for pixels, encoding in zip(texels, encodings or [0], strict=True):
        values = pixels.float()
        means.append((((values + 0.055) / 1.055) ** 2.4 if encoding else values).mean(dim=0))
    return torch.stack(means)


def _luminance(colors: torch.Tensor) -> torch.Tensor:
    luminance: torch.Tensor = (colors * colors.new_tensor(_LUMINANCE)).sum(dim=-1)
    return luminance


def _radius(corners: torch.Tensor) -> float:
    """Half the diagonal of the box around all triangles."""
    if not len(corners):
        return 1.0
    points = corners.reshape(-1, 3)
    return max(float((points.amax(dim=0) - points.amin(dim=0)).norm()) / 2.0, 1e-6)


def _triangle_powers(
    corners: torch.Tensor,
    material_ids: torch.Tensor,
    materials: torch.Tensor,
    material_textures: torch.Tensor,
    means: torch.Tensor,
) -> torch.Tensor:
    """What each triangle emits [n], with a texture as its mean; ``means`` [k, 3]."""
    texture = material_textures[:, TextureColumn.EMISSION].long()
    tint = torch.where((texture >= 0)[:, None], means[texture.clamp(min=0)], 1.0)
    first = MaterialColumn.EMISSION
    radiance = _luminance(materials[:, first : first + 3] * tint)
    radiance = radiance * (2.0 - materials[:, MaterialColumn.IS_LAMP])
    across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    powers: torch.Tensor = radiance[material_ids.long()] * 0.5 * across.norm(dim=1) * math.pi
    return powers


def _lamp_powers(lamps: torch.Tensor, radius: float) -> torch.Tensor:
    strength = _luminance(lamps[:, LightColumn.STRENGTH : LightColumn.STRENGTH + 3])
    factor = torch.where(lamps[:, LightColumn.IS_SUN] > 0.0, math.pi * radius**2, 4.0 * math.pi)
    return strength * factor


def _environment_power(environment: torch.Tensor, radius: float) -> torch.Tensor:
    """[1]: what passes through the sphere around the scene."""
    zeniths = _zeniths(environment)
    shares = (zeniths[:-1] - zeniths[1:]) / (2.0 * environment.shape[1])
    return (_luminance(environment) * shares[:, None]).sum().reshape(1) * (2.0 * math.pi * radius) ** 2


def _light_sums(*kinds: torch.Tensor) -> torch.Tensor:
    """The running sum over all lights of how likely each is asked: by power, and in part evenly among those that emit
    anything, of which all triangles are one."""
    powers = torch.cat(kinds).double()
    total = powers.sum()
    if not bool(total > 0.0):
        return torch.zeros(len(powers), device=powers.device)
    triangles = kinds[0].double()
    others = powers[len(triangles) :]
    even = torch.cat([triangles / triangles.sum().clamp(min=1e-300), (others > 0.0).double()])
    chances = (1.0 - _EVEN_SHARE) * powers / total + _EVEN_SHARE * even / even.sum()
    return _running_sum(chances)


def _running_sum(weights: torch.Tensor) -> torch.Tensor:
    """Along the last dimension, 1 at its end and from the last weight above 0 on: nothing is drawn behind that."""
    sums = weights.double().cumsum(dim=-1)
    return (sums / sums[..., -1:]).float().contiguous()


def _zeniths(environment: torch.Tensor) -> torch.Tensor:
    """[h + 1]: sines of the elevations at which rows begin and end."""
    height = environment.shape[0]
    return torch.cos(torch.linspace(0.0, math.pi, height + 1, dtype=torch.float64)).to(environment.device)


def _environment_sums(environment: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Running sums over rows, and over the pixels of each. Between pixels the environment is blended: a pixel is asked
    for what its neighbours shine into it, too."""
    bright = _luminance(environment).double()
    wide = torch.cat([bright[:, -1:], bright, bright[:, :1]], dim=1)
    wide = pad(wide[None], (0, 0, 1, 1), mode="replicate")[0]
    around = torch.nn.functional.avg_pool2d(wide[None], 3, stride=1)[0]
    weights = 0.5 * (around + bright)
    zeniths = _zeniths(environment)
    weights = weights * (zeniths[:-1] - zeniths[1:])[:, None]
    # A row of black is never drawn, but its sums must be numbers.
    is_black = weights.sum(dim=1) <= 0.0
    columns = torch.where(is_black[:, None], 1.0, weights)
    rows = weights.sum(dim=1)
    return _running_sum(rows if bool(rows.sum() > 0.0) else torch.ones_like(rows)), _running_sum(columns).view(-1)
