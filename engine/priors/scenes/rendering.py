"""Pictures of a scene, on the device that learns from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch.nn.functional import normalize

from engine.device import PROFILES
from engine.link.geometry import Camera
from engine.priors.scenes.scene import Scene
from engine.priors.scenes.shading import Surfaces, shade
from taichi_kernels import runtime
from taichi_kernels.bundles import Rays, SurfaceHits, TriangleTree
from taichi_kernels.surfaces.bvh import build_tree
from taichi_kernels.surfaces.intersection import find_closest

# Steps of a sequence that fills a square evenly however many there are (Roberts 2018).
_STEPS = (0.7548776662466927, 0.5698402909980532)
_FARTHEST = 1e6


@dataclasses.dataclass(frozen=True, eq=False)
class RenderedViews:
    """``colors`` [views, h, w, 4] f16 linear, premultiplied; ``depths`` [views, h, w] f32 planar z through the pixels'
    middles, +inf where nothing is."""

    colors: torch.Tensor
    depths: torch.Tensor


class SceneRenderer:
    """Renders one scene."""

    def __init__(self, scene: Scene, device: str) -> None:
        runtime.start(device)
        self.device = device
        corners = scene.corners.to(device)
        self._tree: TriangleTree = build_tree(corners)
        sides = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self._sides = normalize(sides, dim=1)
        self._normals, self._rest = scene.normals.to(device), scene.rest.to(device)
        self._material, self._materials = scene.material.to(device), scene.materials.to(device)
        self._lights = scene.lights.to(device)

    def render(self, cameras: Sequence[Camera], samples: int, seed: int = 0) -> RenderedViews:
        """What pinhole ``cameras`` of one size see, with so many ``samples`` a pixel; ``seed``: of shadows' noise."""
        width, height = cameras[0].width, cameras[0].height
        generator = torch.Generator(self.device).manual_seed(seed)
        at_once = max(1, PROFILES[self.device].chunk_rays // (width * height * samples))
        parts = [
            self._render(cameras[first : first + at_once], samples, generator)
            for first in range(0, len(cameras), at_once)
        ]
        return RenderedViews(torch.cat([part.colors for part in parts]), torch.cat([part.depths for part in parts]))

    def _render(self, cameras: Sequence[Camera], samples: int, generator: torch.Generator) -> RenderedViews:
        rays, cosines = _camera_rays(cameras, samples, self.device)
        hits = SurfaceHits.allocate(len(rays), self.device)
        find_closest(self._tree, rays, hits)
        hit = (hits.hit_triangles >= 0).nonzero()[:, 0]
        found = torch.zeros(len(rays), 4, device=self.device)
        if len(hit):
            surfaces = self._look_up(rays.select(hit), hits, hit)
            found[hit, :3] = shade(surfaces, self._lights, self._tree, generator)
            found[hit, 3] = 1.0
        shape = len(cameras), cameras[0].height, cameras[0].width
        colors = found.view(*shape, samples, 4).mean(dim=3).half()
        depths = (hits.distances * cosines).view(*shape, samples)[..., 0].contiguous()
        return RenderedViews(colors, depths)

    def _look_up(self, rays: Rays, hits: SurfaceHits, hit: torch.Tensor) -> Surfaces:
        """What ``rays``, those of ``hit`` [n], meet."""
        triangles = hits.hit_triangles[hit].long()
        weights = hits.barycentrics[hit]
        weights = torch.cat([1.0 - weights.sum(dim=1, keepdim=True), weights], dim=1)[..., None]
        material = self._material[triangles]
        sides, normals = self._sides[triangles], normalize((weights * self._normals[triangles]).sum(dim=1), dim=1)
        is_back = (sides * rays.directions).sum(dim=1, keepdim=True) > 0.0
        rest = (weights * self._rest[triangles]).sum(dim=1)
        return Surfaces(
            points=rays.origins + hits.distances[hit, None] * rays.directions,
            colors=self._materials.colors_at(material, rest),
            normals=torch.where(is_back, -normals, normals),
            sides=torch.where(is_back, -sides, sides),
            views=-rays.directions,
            roughness=self._materials.roughness[material],
            metallic=self._materials.metallic[material],
        )


def _camera_rays(cameras: Sequence[Camera], samples: int, device: str) -> tuple[Rays, torch.Tensor]:
    """Through pixels in order, some through each, the first through its middle, and their cosines with the axis."""
    width, height = cameras[0].width, cameras[0].height
    steps = torch.arange(samples, device=device)[:, None] * torch.tensor(_STEPS, device=device, dtype=torch.float64)
    jitter = ((0.5 + steps) % 1.0).float()
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    x = (columns[None, :, None] + jitter[:, 0]).expand(height, -1, -1).reshape(1, -1)
    y = (rows[:, None, None] + jitter[:, 1]).expand(-1, width, -1).reshape(1, -1)
    lenses = torch.tensor([[c.fx, c.fy, c.cx, c.cy] for c in cameras], device=device)[:, :, None]
    poses = torch.stack([torch.from_numpy(camera.camera_to_world[:3]) for camera in cameras]).float().to(device)
    local = torch.stack([(x - lenses[:, 2]) / lenses[:, 0], -(y - lenses[:, 3]) / lenses[:, 1]], dim=2)
    local = normalize(torch.nn.functional.pad(local, (0, 1), value=-1.0), dim=2)
    # Not a product of matrices, which a GPU may compute with ten binary digits.
    directions = (poses[:, None, :, :3] * local[:, :, None, :]).sum(dim=-1).view(-1, 3)
    origins = poses[:, None, :, 3].expand(-1, local.shape[1], -1).reshape(-1, 3)
    t_range = torch.tensor([[0.0, _FARTHEST]], device=device).repeat(len(origins), 1)
    return Rays(origins.contiguous(), directions.contiguous(), t_range), -local[..., 2].reshape(-1)
