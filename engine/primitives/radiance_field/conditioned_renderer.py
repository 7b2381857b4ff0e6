"""Renders a field that is conditioned on views, and tells what of a picture these views show."""

from __future__ import annotations

import torch
from torch.nn.functional import max_pool2d

from engine.fields.pixel_nerf import EncodedViews, PixelNerfField
from engine.fields.source_views import NOTHING, UNKNOWN, SourcePicture
from engine.fields.view_choice import Sightings
from engine.link.geometry import Camera
from engine.link.presets import FEW_VIEWS
from engine.rendering.occupancy_renderer import OccupancyRenderer
from engine.rendering.renderer import RenderedImage
from taichi_kernels.bundles import Rays
from taichi_kernels.rays import generate_camera_rays

# How sure a prior is of what no view sees, and of where it shows nothing.
_SURE_OF_UNSEEN, _SURE_OF_NOTHING = 0.4, 0.7
# Where views differ by so much (of what is displayed or of light) about a point, it is sure to a third of what it is.
_SPREAD = 0.2
_COVERED = 0.5
# Pixels a side of what the field shows to a view whose own depth isn't known, and where its rays end.
_SIDE, _MIN_TRANSMITTANCE = 48, 0.01
# So far behind that, in the network's lengths, a point is hidden to a third: the field's surfaces are soft.
_HIDING_LENGTH = 0.06


class ConditionedRenderer(OccupancyRenderer):
    """OccupancyRenderer of a PixelNerfField."""

    _field: PixelNerfField
    # What the field shows to each view without captured depth, and when.
    _depths: tuple[EncodedViews, dict[int, torch.Tensor]] | None = None

    def captured(self, camera: Camera, picture: RenderedImage) -> torch.Tensor:
        """As PredictingViewer.captured."""
        is_covered, surfaces = self._surfaces_in(camera, picture)
        told = torch.ones_like(picture.depth)
        if len(surfaces):
            told[is_covered] = self._look_at(surfaces)[0]
        return told

    def confidence(self, camera: Camera, picture: RenderedImage) -> torch.Tensor:
        """How sure the field is of what ``picture``, its own latest and of ``camera``, shows: [H, W] f32 in 0..1. It
        isn't where light is half let through, where no view sees the surface, and where views differ about it."""
        alpha = picture.color[..., 3].clamp(0.0, 1.0)
        is_covered, surfaces = self._surfaces_in(camera, picture)
        told = torch.full_like(alpha, _SURE_OF_NOTHING)
        if len(surfaces):
            visibility, spread = self._look_at(surfaces)
            support = _SURE_OF_UNSEEN + (1.0 - _SURE_OF_UNSEEN) * visibility
            told[is_covered] = support * torch.exp(-spread / _SPREAD)
        return (2.0 * alpha - 1.0).abs() * told

    def _surfaces_in(self, camera: Camera, picture: RenderedImage) -> tuple[torch.Tensor, torch.Tensor]:
        """Which pixels show a surface, [H, W] bool, and where these are, [n, 3] in the unit cube."""
        is_covered = (picture.color[..., 3] > _COVERED) & picture.depth.isfinite()
        return is_covered, self._points_of(camera, picture.depth)[is_covered]

    def _look_at(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """How well some view sees ``points`` [n, 3] in the unit cube, [n] in 0..1, and how far the colours are apart
        that those which see them show there, [n]."""
        sources = self._field.sources
        seen = Sightings.find(sources, points, self._field.stretch)
        visible = seen.visibility * self._unhidden(seen)
        weights = visible / visible.sum(dim=1, keepdim=True).clamp(min=1e-12)
        pixels = sources.colors_at(seen.views, seen.places)[..., :3]
        mean = (weights[..., None] * pixels).sum(dim=1, keepdim=True)
        spread = (weights[..., None] * (pixels - mean).square()).sum(dim=(1, 2)).sqrt()
        return visible.amax(dim=1), spread

    def _unhidden(self, seen: Sightings) -> torch.Tensor:
        """How little what the field itself shows hides points from the views without captured depth: [n, m] in 0..1, 1
        for the other views, and of all where there are many: hardly anything is hidden from all of them."""
        sources, encoded = self._field.sources, self._field.encoded
        if self._depths is None or self._depths[0] is not encoded:
            pictures = sources.pictures if len(sources) < FEW_VIEWS else ()
            depths = {view: self._show_to(picture) for view, picture in enumerate(pictures) if not _has_depth(picture)}
            self._depths = encoded, depths
        shares = torch.ones_like(seen.visibility)
        for view, shown in self._depths[1].items():
            sizes = torch.tensor(sources.pictures[view].size[::-1], device=shown.device)
            places = seen.places[:, view] / sizes * shown.new_tensor(shown.shape[::-1])
            last = torch.tensor(shown.shape[::-1], device=shown.device) - 1
            column, row = torch.minimum(places.long().clamp(min=0), last).unbind(-1)
            behind = (-seen.points[:, view, 2] - shown[row, column]) * self._field.stretch
            shares[:, view] = torch.exp(-behind.clamp(min=0.0) / _HIDING_LENGTH)
        return shares

    def _show_to(self, picture: SourcePicture) -> torch.Tensor:
        """How far away what the field shows lies from the camera of one of its views, planar z in unit-cube lengths:
        [h, w], +inf where there is nothing, and of each pixel and those around it the farthest."""
        scale = min(1.0, _SIDE / max(picture.size))
        height, width = (max(1, round(side * scale)) for side in picture.size)
        row = picture.camera.clone()
        rotation, shift = row[0, :12].view(3, 4).split([3, 1], dim=1)
        row[0, :12] = torch.cat([rotation.T, -(rotation.T @ shift)], dim=1).reshape(-1)
        row[0, 12:16] *= row.new_tensor([width, height] * 2) / row.new_tensor(picture.size[::-1] * 2)
        color, distances = (torch.zeros(height * width, *shape, device=self.device) for shape in ((4,), ()))
        rays, cosines = self._rays_of(row, width, height)
        self._render_rays(rays, color, distances, _MIN_TRANSMITTANCE)
        depths = torch.where(color[:, 3] > _COVERED, distances * cosines, torch.inf)
        return max_pool2d(depths.view(1, height, width), 3, stride=1, padding=1)[0]

    def _points_of(self, camera: Camera, depth: torch.Tensor) -> torch.Tensor:
        """Where what a picture shows is, [H, W, 3] in the unit cube; ``depth`` [H, W] as RenderedImage has it."""
        rays, cosines = self._rays_of(self._cube.camera_row(camera, self.device), camera.width, camera.height)
        distances = depth.view(-1) * self._cube.scale / cosines
        return (rays.origins + distances[:, None] * rays.directions).view(*depth.shape, 3)

    def _rays_of(self, row: torch.Tensor, width: int, height: int) -> tuple[Rays, torch.Tensor]:
        """Through the pixels of a camera, [1, 21] as UnitCube.camera_row has it, and their cosines [n]."""
        rays, cosines = Rays.allocate(width * height, self.device), torch.empty(width * height, device=self.device)
        limits = self._cube.ray_limits(self.device, self._near_distance)
        generate_camera_rays(0, width, row, limits, rays, cosines)
        return rays, cosines


def _has_depth(picture: SourcePicture) -> bool:
    return bool(((picture.depths > UNKNOWN) & (picture.depths < NOTHING)).any())
