"""Renders a coarse and a fine network along rays that are sampled hierarchically."""

from __future__ import annotations

import copy
from typing import Self

import torch

from engine.fields.coarse_and_fine import CoarseAndFine
from engine.fields.unit_cube import UnitCube
from engine.link.messages import ColorSpace
from engine.rendering.renderer import Renderer
from engine.sampling.hierarchical import render_rays
from engine.sampling.quadrature import find_surfaces
from taichi_kernels.bundles import Rays


class HierarchicalRenderer(Renderer):
    """Samples every ray that meets the bounds in the middle of its strata and quantiles, to its end."""

    def __init__(
        self, field: CoarseAndFine, cube: UnitCube, color_space: ColorSpace, near_distance: float, cascades: int
    ) -> None:
        super().__init__(cube, color_space, field.device, near_distance, cascades)
        self._field = field

    def frozen(self, *, with_field: bool = True) -> Self:
        """As Renderer.frozen."""
        other = copy.copy(self)
        if with_field:
            other._field = self._field.frozen()
        return other

    @property
    def frozen_bytes(self) -> int:
        return self._field.frozen_bytes

    @torch.no_grad()
    def _render_rays(self, rays: Rays, color: torch.Tensor, distances: torch.Tensor, min_transmittance: float) -> None:
        config, is_linear = self._field.config, self.color_space == "linear"
        strata = torch.full((1, config.coarse_samples), 0.5, device=self.device)
        quantiles = (torch.arange(config.fine_samples, device=self.device) + 0.5) / config.fine_samples
        meeting = (rays.t_range[:, 0] < rays.t_range[:, 1]).nonzero().view(-1)
        for ids in meeting.split(max(1, self._profile.chunk_samples // config.ray_evaluations)):
            part = rays.select(ids)
            _, fine = render_rays(self._field, part, strata, quantiles.expand(len(ids), -1).contiguous(), is_linear)
            alpha = 1.0 - fine.transmittances
            color[ids] = torch.cat([fine.colors, alpha[:, None]], dim=1)
            distances[ids] = find_surfaces(fine, part.t_range[:, 1])
