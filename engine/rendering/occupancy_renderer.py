"""Renders a field that is sampled through an occupancy grid, in rounds over the rays that are still alive."""

from __future__ import annotations

import copy
import itertools
from typing import Self

import torch

from engine.fields.base import RadianceField, SampleBatch, Workspace
from engine.fields.unit_cube import UnitCube
from engine.link.messages import ColorSpace
from engine.rendering.renderer import MIN_DEPTH_ALPHA, Renderer
from taichi_kernels.bundles import ActiveRays, OccupancyBits, RayPixels, Rays
from taichi_kernels.compositing import composite_rays
from taichi_kernels.marching import march_rays
from taichi_kernels.stepping import StepRule


class OccupancyRenderer(Renderer):
    """Marches through the occupied cells, as training does."""

    def __init__(
        self,
        field: RadianceField,
        occupied: OccupancyBits,
        cube: UnitCube,
        color_space: ColorSpace,
        steps: StepRule,
        near_distance: float = 0.0,
    ) -> None:
        super().__init__(cube, color_space, field.device, near_distance, occupied.cascades)
        self._field, self._occupied, self._steps = field, occupied, steps
        self._batch: SampleBatch[Workspace] | None = None

    def frozen(self, *, with_field: bool = True) -> Self:
        """As Renderer.frozen."""
        self._reserve()  # both need the same buffers, and never at the same time
        other = copy.copy(self)
        # Without its parameters a field's copy is small; views that it is conditioned on don't come to that later.
        other._field = self._field.frozen() if with_field else copy.copy(self._field)
        other._occupied = self._occupied.clone()
        return other

    @property
    def frozen_bytes(self) -> int:
        return self._field.frozen_bytes + self._occupied.nbytes

    def _render_rays(self, rays: Rays, color: torch.Tensor, distances: torch.Tensor, min_transmittance: float) -> None:
        device, n, t_range = self.device, len(rays), rays.t_range
        ray_samples = torch.empty(n, 2, dtype=torch.int32, device=device)
        counters = torch.zeros(2, dtype=torch.int32, device=device)
        batch = self._reserve()

        def march(ray_ids: torch.Tensor, per_ray: int) -> None:
            march_rays(ray_ids, per_ray, self._steps, rays, self._occupied, counters[:1], ray_samples, batch)

        # A first march ends at each ray's first sample: many meet nothing, and the rest share a round's samples.
        march(torch.arange(n, dtype=torch.int32, device=device), 0)
        alive = (t_range[:, 0] < t_range[:, 1]).nonzero().view(-1).int()
        rounds = itertools.chain(self._profile.rounds, itertools.repeat(self._profile.rounds[-1]))
        while alive.shape[0]:
            per_ray = max(1, min(next(rounds), batch.capacity // alive.shape[0]))
            counters.zero_()
            march(alive, per_ray)
            # A GPU knows by itself how many samples there are; a CPU must not work on more.
            is_counted = not self._profile.is_asynchronous
            samples = batch.first(int(counters[0]) if is_counted else per_ray * alive.shape[0])
            if not samples.capacity:
                break
            outputs = self._field.forward(samples, rays.directions, counters[:1])
            next_alive = ActiveRays(torch.empty_like(alive), counters[1:])
            composite_rays(
                alive, ray_samples, samples.distances, outputs, t_range, RayPixels(color, distances), next_alive,
                linear=self.color_space == "linear", steps=self._steps, min_transmittance=min_transmittance,
            )  # fmt: skip
            alive = next_alive.ids[: int(counters[1])]
        mean = -distances / color[:, 3].clamp(min=MIN_DEPTH_ALPHA)
        distances.copy_(torch.where(distances > 0.0, distances, mean))

    def _reserve(self) -> SampleBatch[Workspace]:
        if self._batch is None:
            self._batch = self._field.allocate(self._profile.round_samples)
        return self._batch
