"""Renders a field that is conditioned on views, and tells what of a picture these views show."""

from __future__ import annotations

import torch

from engine.fields.pixel_nerf import PixelNerfField
from engine.fields.view_choice import Sightings
from engine.link.geometry import Camera
from engine.rendering.occupancy_renderer import OccupancyRenderer
from engine.rendering.renderer import RenderedImage
from taichi_kernels.bundles import Rays
from taichi_kernels.rays import generate_camera_rays

# How sure a prior is of what no view sees, and of where it shows nothing.
_SURE_OF_UNSEEN, _SURE_OF_NOTHING = 0.4, 0.7
# Where views differ by so much (of what is displayed or of light) about a point, it is sure to a third of what it is.
_SPREAD = 0.2
_COVERED = 0.5


class ConditionedRenderer(OccupancyRenderer):
    """OccupancyRenderer of a PixelNerfField."""

    _field: PixelNerfField

    def confidence(self, camera: Camera, picture: RenderedImage) -> torch.Tensor:
        """As Renderer.confidence. Where light is half let through, the field isn't sure; nor where no view sees the
        surface that is shown, or where views differ about it."""
        alpha = picture.color[..., 3].clamp(0.0, 1.0)
        certainty = (2.0 * alpha - 1.0).abs()
        told = torch.full_like(alpha, _SURE_OF_NOTHING)
        is_covered = (alpha > _COVERED) & picture.depth.isfinite()
        if bool(is_covered.any()):
            told[is_covered] = self._support(self._points_of(camera, picture.depth)[is_covered])
        return certainty * told

    def _support(self, points: torch.Tensor) -> torch.Tensor:
        """How well the views support that there is a surface at ``points`` [n, 3] in the unit cube: [n]."""
        sources = self._field.sources
        seen = Sightings.find(sources, points, self._field.stretch)
        weights = seen.visibility / seen.visibility.sum(dim=1, keepdim=True).clamp(min=1e-12)
        pixels = sources.colors_at(seen.views, seen.places)[..., :3]
        mean = (weights[..., None] * pixels).sum(dim=1, keepdim=True)
        spread = (weights[..., None] * (pixels - mean).square()).sum(dim=(1, 2)).sqrt()
        visibility = seen.visibility.amax(dim=1)
        return (_SURE_OF_UNSEEN + (1.0 - _SURE_OF_UNSEEN) * visibility) * torch.exp(-spread / _SPREAD)

    def _points_of(self, camera: Camera, depth: torch.Tensor) -> torch.Tensor:
        """Where what a picture shows is, [H, W, 3] in the unit cube; ``depth`` [H, W] as RenderedImage has it."""
        pixels, device = depth.numel(), depth.device
        rays, cosines = Rays.allocate(pixels, device), torch.empty(pixels, device=device)
        row, limits = self._cube.camera_row(camera, device), self._cube.ray_limits(device, self._near_distance)
        generate_camera_rays(0, camera.width, row, limits, rays, cosines)
        distances = depth.view(-1) * self._cube.scale / cosines
        return (rays.origins + distances[:, None] * rays.directions).view(*depth.shape, 3)
