"""Samples rays through the occupancy grid: equal steps in cells that may hold something."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch

from engine.device import PROFILES
from engine.fields.base import SampleBatch, Workspace
from engine.link.geometry import Camera
from engine.sampling.base import DensityFunction, RaySamples
from engine.sampling.occupancy_grid import OccupancyGrid
from taichi_kernels.bundles import Rays
from taichi_kernels.marching import march_rays
from taichi_kernels.segment_marching import SEGMENT_STEPS, march_ray_segments
from taichi_kernels.stepping import StepRule

_FIRST_RAYS = 512
_FEWEST_RAYS = 64
# Steps between those that tell the occupancy grid what they found.
_OBSERVE_EVERY = 4


class OccupancySampler:
    """A Sampler. ``grid`` says where; of the rays there are at most ``max_rays``, each with at most
    ``max_samples_per_ray`` samples and at most ``longest_ray`` steps long. The grid is brought to the field every
    ``update_every`` steps."""

    def __init__(
        self, grid: OccupancyGrid, max_rays: int, max_samples_per_ray: int, longest_ray: int, update_every: int
    ) -> None:
        self.grid = grid
        self.ray_count = min(_FIRST_RAYS, max_rays)
        self.sample_count = 0
        device = grid.device
        self._profile = PROFILES[device]
        self._max_rays, self._max_samples_per_ray, self._update_every = max_rays, max_samples_per_ray, update_every
        self._ray_ids = torch.arange(max_rays, dtype=torch.int32, device=device)
        self._spans = torch.zeros(max_rays, 2, dtype=torch.int32, device=device)
        self._count = torch.zeros(1, dtype=torch.int32, device=device)
        self._marks: torch.Tensor | None = None
        if self._profile.segments_rays:
            segments = math.ceil((longest_ray + 1) / SEGMENT_STEPS)
            self._marks = torch.zeros(max_rays, segments, dtype=torch.int32, device=device)

    def sample(self, rays: Rays, rule: StepRule, out: SampleBatch[Workspace], step: int) -> RaySamples | None:
        """See Sampler. Adjusts ``ray_count``."""
        self._count.zero_()
        drawn, occupied, results = len(rays), self.grid.occupied, (self._count, self._spans, out)
        if self._marks is None:
            march_rays(self._ray_ids[:drawn], self._max_samples_per_ray, rule, rays, occupied, *results, in_order=True)
        else:
            march_ray_segments(self._marks[:drawn], self._max_samples_per_ray, rule, rays, occupied, *results)
        samples = self._count_samples(out.capacity, drawn, step)
        return RaySamples(out.first(samples), self._spans[:drawn], self._count) if samples else None

    def _count_samples(self, capacity: int, rays: int, step: int) -> int:
        """How many samples to evaluate; a GPU evaluates all there is room for rather than being waited for."""
        every = self._profile.read_every
        if step % every and step > every:
            return capacity
        wanted = int(self._count)
        self.sample_count = min(wanted, capacity)
        grown = rays * capacity * 0.95 / max(wanted, 1)
        self.ray_count = int(np.clip(grown, _FEWEST_RAYS, min(rays * 2, self._max_rays)))
        return capacity if self._profile.is_asynchronous else self.sample_count

    def observe(self, samples: RaySamples, densities: torch.Tensor, rule: StepRule, step: int) -> None:
        """See Sampler."""
        if step % _OBSERVE_EVERY == 0:
            self.grid.observe(samples.spans, samples.batch, densities, rule)

    def update(self, density: DensityFunction, scratch: SampleBatch[Workspace], step: int) -> None:
        """See Sampler."""
        if step % self._update_every == 0:
            self.grid.refresh(density, scratch, step)

    def look(self, camera: Camera, alpha: torch.Tensor, depth: torch.Tensor | None) -> torch.Tensor:
        """See Sampler."""
        return self.grid.look(camera, alpha, depth)

    def take(self, view: str, marks: torch.Tensor) -> None:
        """See Sampler."""
        self.grid.take(view, marks)

    @property
    def view_bytes(self) -> int:
        """See Sampler."""
        return self.grid.view_bytes

    def state(self) -> dict[str, torch.Tensor]:
        """The grid's densities and flags, and how many rays a step draws."""
        rays = torch.tensor([self.ray_count], dtype=torch.int32)
        return {"occupancy.densities": self.grid.densities, "occupancy.flags": self.grid.flags, "occupancy.rays": rays}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See Sampler."""
        rays = state.get("occupancy.rays")
        if rays is None or rays.shape != (1,) or rays.dtype != torch.int32:
            raise ValueError("occupancy.rays: missing or of another size or kind")
        self.grid.load(state)
        self.ray_count = int(np.clip(int(rays), 1, self._max_rays))
