"""A radiance field whose rays are sampled through an occupancy grid, as Instant-NGP does."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Self

import torch

from engine.device import PROFILES
from engine.fields.base import RadianceField
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace
from engine.primitives.memory import require_for_views
from engine.primitives.radiance_field.occupancy_config import OccupancyConfig
from engine.primitives.radiance_field.pixel_store import StoredPicture
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive
from engine.rendering.occupancy_renderer import OccupancyRenderer
from engine.rendering.renderer import Renderer
from engine.sampling.base import RaySamples
from engine.sampling.occupancy_grid import OccupancyGrid
from engine.sampling.occupancy_sampler import OccupancySampler
from taichi_kernels import runtime
from taichi_kernels.bundles import ActiveSamples, FieldOutputs
from taichi_kernels.compositing import composite_training, terminate_rays
from taichi_kernels.gradient_sampling import draw_gradients
from taichi_kernels.stepping import StepRule


class OccupancyPrimitive(RadianceFieldPrimitive):
    """A step has a constant number of samples, and as many rays as these are enough for."""

    config: OccupancyConfig
    field: RadianceField

    def __init__(self, config: OccupancyConfig, bounds: Bounds, color_space: ColorSpace, device: str) -> None:
        runtime.start(device)
        super().__init__(config, config.fit(config.field).build(device, config.seed), bounds, color_space, device)
        self.sampler = _make_sampler(config, self.cube, device)
        self._in_order = not PROFILES[device].is_asynchronous
        self._fine_steps, self._coarse_steps = config.steps, config.coarse_steps
        samples = config.samples_per_step
        self._batch = self.field.allocate(samples, for_training=True)
        # The samples before rays are terminated.
        self._active = ActiveSamples(
            torch.zeros(samples, dtype=torch.int32, device=device), torch.zeros(1, dtype=torch.int32, device=device)
        )
        self._gradients = FieldOutputs.allocate(samples, device, self.field.dtype)

    def step(self, step: int, progress: float | None) -> bool:
        """See Primitive."""
        config, batch = self.config, self._batch
        is_coarse = step < config.coarse_until and (progress or 0.0) < config.coarse_progress
        rule = self._coarse_steps if is_coarse else self._fine_steps
        rays = self._draw_rays(self.sampler.ray_count, rule, step)
        samples = self.sampler.sample(rays, rule, batch.first(batch.capacity // 2) if is_coarse else batch, step)
        if samples is None:
            return False
        self._learn(samples, rule, step)
        return True

    def update(self, step: int) -> None:
        """See Primitive."""
        self.sampler.update(self.field.density, self._batch, step)

    def figures(self) -> dict[str, float]:
        """See RadianceFieldPrimitive."""
        return {
            "rays_per_step": self._last_rays,
            "samples_per_step": self.sampler.sample_count,
            "active_samples": int(self._active.count),
        }

    def begin_anew(self, rays: int) -> Self:
        """See RadianceFieldPrimitive."""
        config = dataclasses.replace(self.config, max_rays_per_step=rays)
        return type(self)(config, self.bounds, self.color_space, self.device)

    def viewer(self) -> Renderer:
        """See RadianceFieldPrimitive."""
        steps, occupied = self.config.rendering_steps, self.sampler.grid.occupied
        return OccupancyRenderer(self.field, occupied, self.cube, self.color_space, steps, self.limits.near_distance)

    def state(self) -> dict[str, torch.Tensor]:
        """See Primitive."""
        return super().state() | self.sampler.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See Primitive."""
        super().load_state(state)
        self.sampler.load_state(state)

    def take_in(self, name: str, picture: StoredPicture) -> None:
        # Looked at before it is stored: what can't be looked at is not to be trained on.
        marks = self.sampler.look(*picture.coverage)
        if name not in self.pixels:
            require_for_views(self.sampler.view_bytes, name, self.device)
        super().take_in(name, picture)
        self.sampler.take(name, marks)

    def _learn(self, samples: RaySamples, rule: StepRule, step: int) -> None:
        config, batch, spans = self.config, samples.batch, samples.spans
        # The field gets all rays' directions: samples that this step didn't write may name a ray of a former one.
        outputs = self.field.forward(batch, self._rays.directions, samples.count)
        self.sampler.observe(samples, outputs.density_rows, rule, step)
        active, gradients = self._active, self._gradients
        active.count.zero_()
        terminate_rays(spans, batch.distances, outputs.density_rows, active, steps=rule, in_order=self._in_order)
        composite_training(
            spans, self._targets, batch.distances, outputs, self._losses, gradients,
            loss=self._ray_loss(step), steps=rule, seed=config.seed, step=step,
        )  # fmt: skip
        self._note_losses()
        if config.gradient_threshold:
            draw_gradients(active, gradients, config.gradient_threshold, config.seed, step)
        self.field.backward(batch, active, gradients)


def _make_sampler(config: OccupancyConfig, cube: UnitCube, device: str) -> OccupancySampler:
    grid = OccupancyGrid(
        config.occupancy_resolution,
        config.occupancy_decay,
        config.steps.smallest * (config.steps.density if config.steps.grows else 1.0),
        cube,
        device,
        config.seed,
        config.near_distance / config.growth,
    )
    most = config.max_rays_per_step, config.max_samples_per_ray, config.longest_ray
    return OccupancySampler(grid, *most, config.occupancy_every)
