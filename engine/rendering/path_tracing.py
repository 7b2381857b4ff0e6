"""Pictures of a scene of surfaces by tracing paths of light through it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import normalize

from engine.device import PROFILES
from engine.fields.unit_cube import world_camera_row
from engine.link.geometry import Camera
from engine.link.path_scenes import PathSceneData, PathSceneError
from engine.rendering.renderer import RenderedImage
from taichi_kernels import runtime
from taichi_kernels.surfaces.path_tracing.bundles import (
    LIGHT_COLUMNS,
    MATERIAL_COLUMNS,
    LightColumn,
    MaterialColumn,
    PathScene,
)
from taichi_kernels.surfaces.path_tracing.cameras import draw_camera_rays
from taichi_kernels.surfaces.path_tracing.scene_tensors import make_path_scene
from taichi_kernels.surfaces.path_tracing.tracing import PathSettings, PathTracer

# The layer over a diffuse surface is no mirror, however high its specular level.
_MOST_REFLECTANCE = 0.9
# What takes the paths of a tracer to their end: settings, seed and step of their random numbers.
Trace = Callable[[PathSettings, int, int], None]
# Bytes that preparing a scene takes at its height, with what is let go again: of triangles the arrays and two
# hierarchies of up to twice as many leaves; of texels a copy for all together, and of one picture at a time the mean of
# its light in float32; of the environment's pixels their sums in float64.
_TRIANGLE_BYTES, _TEXEL_BYTES, _LARGEST_PICTURE_BYTES, _PIXEL_BYTES = 500, 12, 48, 80
_COSINES = (np.arange(256) + 0.5) / 256


def prepare_scene(data: PathSceneData, device: str) -> PathScene:
    """``data`` as the kernels take it, on ``device``. Raises PathSceneError where there is too little memory."""
    _require_memory(data, device)
    runtime.start(device)
    corners, normals = _on(data.corners, device), _on(data.normals, device)
    sides = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    has_none = (normals == 0.0).all(dim=2, keepdim=True)
    textures, first = [], 0
    for height, width in data.texture_sizes.tolist():
        textures.append(_on(data.texels[first : first + height * width].reshape(height, width, 3), device))
        first += height * width
    return make_path_scene(
        corners,
        torch.where(has_none, normalize(sides, dim=1)[:, None], normals),
        _on(data.uvs, device),
        _on(data.material_ids, device),
        _on(_material_rows(data), device),
        _on(data.material_textures, device),
        textures,
        data.texture_encodings.tolist(),
        _on(_light_rows(data), device),
        _on(data.environment, device),
    )


class PathTracedView:
    """A picture of ``scene`` as ``camera`` sees it, which gets better with each ``add_samples``: ``at_once`` paths for
    each pixel. The same ``seed`` gives the same picture."""

    def __init__(
        self, scene: PathScene, camera: Camera, settings: PathSettings, at_once: int = 1, seed: int = 0
    ) -> None:
        self._camera, self._settings, self._seed, self._at_once = camera, settings, seed, at_once
        count = camera.width * camera.height * at_once
        self.tracer = PathTracer(scene, count)
        self._trace: Trace = self.tracer.trace
        self._row = world_camera_row(camera, scene.device)
        self._cosines = torch.empty(count, device=scene.device)
        self._covered = torch.zeros(count, device=scene.device)
        self._depths: torch.Tensor | None = None
        self._passes = 0

    @property
    def samples(self) -> int:
        """Paths that each pixel has had so far."""
        return self._passes * self._at_once

    def trace_by(self, trace: Trace) -> None:
        """Have further paths traced by ``trace`` instead, through the same ``tracer``."""
        self._trace = trace

    def add_samples(self) -> None:
        """Trace further paths."""
        tracer, width = self.tracer, self._camera.width
        draw_camera_rays(self._seed, self._passes, width, self._at_once, self._row, tracer.rays, self._cosines)
        self._trace(self._settings, self._seed, self._passes)
        hits = tracer.first_hits
        self._covered += hits.hit_triangles >= 0
        if self._depths is None:
            self._depths = (hits.distances * self._cosines).view(-1, self._at_once).amin(dim=1)
        self._passes += 1

    def image(self) -> RenderedImage:
        """The mean of all samples so far, of which there must be some. Depth is that of the nearest surface among a
        pixel's first samples; alpha is 1 where the environment is seen."""
        assert self._depths is not None, "no samples yet"
        shape = self._camera.height, self._camera.width
        color = torch.ones(*shape, 4, device=self._depths.device)
        color[..., :3] = (self.tracer.paths.radiance / self._passes).view(*shape, self._at_once, 3).mean(dim=2)
        if self._settings.hides_environment:
            color[..., 3] = (self._covered / self._passes).view(*shape, self._at_once).mean(dim=2)
        return RenderedImage(color, self._depths.view(shape).clone(), "linear")


def _require_memory(data: PathSceneData, device: str) -> None:
    """A system that has too little kills the process: it is asked before."""
    largest = int(data.texture_sizes.astype(np.int64).prod(axis=1).max(initial=0))
    parts = {
        "triangles": len(data.corners) * _TRIANGLE_BYTES,
        "textures": len(data.texels) * _TEXEL_BYTES + largest * _LARGEST_PICTURE_BYTES,
        "the World's picture": data.environment.shape[0] * data.environment.shape[1] * _PIXEL_BYTES,
    }
    needed, free = sum(parts.values()), PROFILES[device].free_memory()
    if free is not None and needed > free:
        most = max(parts, key=lambda name: parts[name])
        raise PathSceneError(
            f"the scene needs {needed / 1e9:.1f} GB of memory, most of it for {most}, and {free / 1e9:.1f} GB are "
            "free: use fewer triangles or smaller pictures, or close other programs"
        )


def _on(array: npt.NDArray[np.generic], device: str) -> torch.Tensor:
    return torch.from_numpy(np.array(array, order="C")).to(device)


def _material_rows(data: PathSceneData) -> npt.NDArray[np.float32]:
    rows = np.zeros((len(data.roughness), MATERIAL_COLUMNS), np.float32)
    for column, values in (
        (MaterialColumn.ROUGHNESS, data.roughness),
        (MaterialColumn.METALLIC, data.metallic),
        (MaterialColumn.TRANSMISSION, data.transmission),
        (MaterialColumn.ETA, data.iors),
        (MaterialColumn.IS_LAMP, data.is_lamp),
    ):
        rows[:, column] = values
    rows[:, MaterialColumn.BASE : MaterialColumn.BASE + 3] = data.base_colors
    rows[:, MaterialColumn.EMISSION : MaterialColumn.EMISSION + 3] = data.emissions
    etas = [
        _layer_eta(ior, level) for ior, level in zip(data.iors.tolist(), data.specular_levels.tolist(), strict=True)
    ]
    rows[:, MaterialColumn.SPECULAR_ETA] = etas
    rows[:, MaterialColumn.SPECULAR_MEAN] = [_mean_reflectance(eta) for eta in etas]
    return rows


def _layer_eta(ior: float, level: float) -> float:
    """The index of the layer over a diffuse surface: what reflects 2 ``level`` times as much, seen straight on."""
    straight = min(((ior - 1.0) / (ior + 1.0)) ** 2 * 2.0 * level, _MOST_REFLECTANCE)
    eta = (1.0 + math.sqrt(straight)) / (1.0 - math.sqrt(straight))
    return 1.0 / eta if ior < 1.0 else eta


def _mean_reflectance(eta: float) -> float:
    """Of a dielectric surface, over all directions in even light."""
    under_root = eta**2 - 1.0 + _COSINES**2
    beyond = np.sqrt(np.maximum(under_root, 0.0))
    across = (beyond - _COSINES) / (beyond + _COSINES)
    along = (_COSINES * (beyond + _COSINES) - 1.0) / (_COSINES * (beyond - _COSINES) + 1.0)
    reflected = np.where(under_root > 0.0, 0.5 * across**2 * (1.0 + along**2), 1.0)
    return float(2.0 * (reflected * _COSINES).mean())


def _light_rows(data: PathSceneData) -> npt.NDArray[np.float32]:
    points, suns = len(data.point_positions), len(data.sun_directions)
    rows = np.zeros((points + suns, LIGHT_COLUMNS), np.float32)
    place, strength = LightColumn.PLACE, LightColumn.STRENGTH
    rows[:points, place : place + 3] = data.point_positions
    rows[:points, strength : strength + 3] = data.point_intensities
    rows[points:, LightColumn.IS_SUN] = 1.0
    rows[points:, place : place + 3] = data.sun_directions
    rows[points:, strength : strength + 3] = data.sun_irradiances
    # 1 - cosine of half the angle, without its rounding error.
    rows[points:, LightColumn.SIZE] = 2.0 * np.sin(data.sun_angles.astype(np.float64) / 4.0) ** 2
    return rows
