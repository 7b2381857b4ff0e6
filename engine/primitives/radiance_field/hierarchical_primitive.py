"""The original NeRF: a radiance field of two networks, the coarse of which tells where to sample the fine one."""

from __future__ import annotations

import dataclasses
from typing import Self

import torch

from engine.device import PROFILES
from engine.fields.coarse_and_fine import CoarseAndFine
from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace
from engine.primitives.radiance_field.hierarchical_config import HierarchicalConfig
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive
from engine.rendering.hierarchical_renderer import HierarchicalRenderer
from engine.sampling.hierarchical import render_rays
from taichi_kernels import runtime
from taichi_kernels.compositing import RayLoss
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.stepping import StepRule
from taichi_kernels.torch_functions.losses import compare_colors, compare_depths, draw_background
from taichi_kernels.torch_functions.random_numbers import uniform

# Rays begin where they enter the bounds: it is their samples that are jittered.
_NO_JITTER = StepRule.constant(0.0)


class HierarchicalPrimitive(RadianceFieldPrimitive):
    """A step has a constant number of rays, and the loss is that of both networks' colours."""

    config: HierarchicalConfig
    field: CoarseAndFine

    def __init__(self, config: HierarchicalConfig, bounds: Bounds, color_space: ColorSpace, device: str) -> None:
        runtime.start(device)
        super().__init__(config, config.fit(config.field).build(device, config.seed), bounds, color_space, device)
        self._chunk = max(1, PROFILES[device].chunk_samples // config.field.ray_evaluations)

    def step(self, step: int, progress: float | None) -> bool:
        """See Primitive. Doesn't wait for the device."""
        count, loss = self.config.max_rays_per_step, self._ray_loss(step)
        self._draw_rays(count, _NO_JITTER, step)
        for first in range(0, count, self._chunk):
            self._learn(slice(first, min(first + self._chunk, count)), loss, step)
        self._note_losses()
        return True

    def figures(self) -> dict[str, float]:
        """See RadianceFieldPrimitive; every sample is backpropagated."""
        samples = self._last_rays * self.config.field.ray_evaluations
        return {"rays_per_step": self._last_rays, "samples_per_step": samples, "active_samples": samples}

    def begin_anew(self, rays: int) -> Self:
        """See RadianceFieldPrimitive."""
        config = dataclasses.replace(self.config, max_rays_per_step=rays)
        return type(self)(config, self.bounds, self.color_space, self.device)

    def viewer(self) -> HierarchicalRenderer:
        """See RadianceFieldPrimitive."""
        return HierarchicalRenderer(
            self.field, self.cube, self.color_space, self.limits.near_distance, self.config.cascades
        )

    def _learn(self, part: slice, loss: RayLoss, step: int) -> None:
        """Write the losses of a part of the rays, and add the gradients."""
        rays, targets, size = self._rays.select(part), self._targets[part], self.config.field
        ids = torch.arange(part.start, part.stop, device=self.device)
        strata = self._draw(ids, size.coarse_samples, RandomStream.COARSE_SAMPLE, step)
        # One in each of equal shares of the distribution, as the coarse ones are.
        jitter = self._draw(ids, size.fine_samples, RandomStream.FINE_SAMPLE, step)
        quantiles = (torch.arange(size.fine_samples, device=self.device) + jitter) / size.fine_samples
        background = draw_background(self.config.seed, step, ids, loss.linear).float()
        has_length = rays.t_range[:, 0] < rays.t_range[:, 1]
        total = torch.zeros_like(self._losses[part])
        for rendered in render_rays(self.field, rays, strata, quantiles, loss.linear):
            losses = compare_colors(rendered.colors, rendered.transmittances, background, targets, loss.linear)
            losses = losses + loss.depth_weight * compare_depths(
                rendered.weights, rendered.distances, loss.depth_tolerance, targets
            )
            total = total + torch.where(has_length, losses, 0.0)
        self._losses[part] = total.detach()
        (loss.gradient_scale * total.sum()).backward()

    def _draw(self, ids: torch.Tensor, count: int, stream: RandomStream, step: int) -> torch.Tensor:
        """Uniform numbers [n, count] f32 in [0, 1) for the rays ``ids`` [n]."""
        index = ids[:, None] * count + torch.arange(count, device=self.device)
        return uniform(self.config.seed, step, index, stream)
