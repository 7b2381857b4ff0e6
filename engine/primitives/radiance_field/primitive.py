"""A radiance field, learnt from views: draw rays, sample them, evaluate, composite, gradients."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch

from engine.data.views import View, ViewError
from engine.device import PROFILES
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera
from engine.link.messages import ColorSpace
from engine.optimizers.parameters import ParameterGroup
from engine.primitives.base import NoDataError
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.radiance_field.error_map import ErrorMap
from engine.primitives.radiance_field.gradient_sampling import draw_gradients
from engine.primitives.radiance_field.memory import require_for_training, require_for_views
from engine.primitives.radiance_field.pixel_store import PixelStore, StoredPicture
from engine.rendering.renderer import Renderer
from engine.sampling.base import RaySamples
from engine.sampling.occupancy_grid import OccupancyGrid
from engine.sampling.occupancy_sampler import OccupancySampler
from taichi_kernels import runtime
from taichi_kernels.bundles import ActiveSamples, FieldOutputs, Rays
from taichi_kernels.compositing import RayLoss, composite_training, cut_rays
from taichi_kernels.rays import sample_training_rays
from taichi_kernels.stepping import StepRule

# float16 gradients of a ray lie well inside the format's range with this factor.
_HALF_GRADIENT_SCALE = 16.0
_SCRATCH_RAYS = 1024


class RadianceFieldPrimitive:
    """A Primitive: one field, learnt from views of one colour space inside ``bounds``."""

    def __init__(self, config: RadianceFieldConfig, bounds: Bounds, color_space: ColorSpace, device: str) -> None:
        require_for_training(config, device)
        runtime.start(device)
        self.config, self.bounds, self.color_space, self.device = config, bounds, color_space, device
        self.cube = UnitCube(bounds, config.growth)
        self.field = config.scaled_field.build(device, config.seed)
        self.gradient_scale = _HALF_GRADIENT_SCALE if self.field.dtype == torch.float16 else 1.0
        self._near_distance = config.near_distance / config.growth
        self.sampler = _make_sampler(config, self.cube, device)
        errors = ErrorMap(config.error_share, config.max_rays_per_step, device) if config.error_share else None
        self.pixels = PixelStore(self.cube, device, errors)
        self._in_order = not PROFILES[device].is_asynchronous
        self._fine_steps, self._coarse_steps = config.steps, config.coarse_steps
        self._limits = self.cube.ray_limits(device, self._near_distance, config.depth_margin / config.growth)
        self._last_rays = 0
        self._batch = self.field.allocate(config.samples_per_step, for_training=True)
        rays, samples = config.max_rays_per_step, config.samples_per_step
        self._rays = Rays.allocate(rays, device)
        self._targets = torch.zeros(rays, 5, device=device)
        self._losses = torch.zeros(rays, device=device)
        # The samples before rays are terminated.
        self._active = ActiveSamples(
            torch.zeros(samples, dtype=torch.int32, device=device), torch.zeros(1, dtype=torch.int32, device=device)
        )
        self._gradients = FieldOutputs.allocate(samples, device, self.field.dtype)

    @property
    def kind(self) -> str:
        """The name of what is learnt (see registry)."""
        return self.config.kind

    @property
    def view_names(self) -> list[str]:
        """Names of the views trained on."""
        return self.pixels.names

    def parameters(self) -> list[ParameterGroup]:
        """Those of the field."""
        return self.field.parameters()

    def add(self, view: View) -> None:
        """Train on this view too from the next step on, in the place of one of the same name; one that is there already
        as it is changes nothing. Raises ViewError when its colour space isn't the field's, MemoryShortage; then all is
        as it was."""
        if view.color_space != self.color_space:
            raise ViewError(
                f"view {view.name}: it is {view.color_space}, but this run learns {self.color_space} colour"
            )
        picture, pixels = StoredPicture.upload(view, self.device), self.pixels
        former = pixels.picture(view.name) if view.name in pixels else None
        if former is not None and former.equals(picture):
            return
        # Looked at before it is stored: what can't be looked at is not to be trained on.
        marks = self.sampler.look(*picture.coverage)
        if former is None:
            require_for_views(self.sampler.view_bytes, view.name, self.device)
        pixels.add(view.name, picture)
        self.sampler.take(view.name, marks)

    def step(self, step: int, progress: float | None) -> bool:
        """See Primitive."""
        if not len(self.pixels):
            raise NoDataError("no views: add at least one before training")
        config, batch = self.config, self._batch
        is_coarse = step < config.coarse_until and (progress or 0.0) < config.coarse_progress
        rule = self._coarse_steps if is_coarse else self._fine_steps
        rays = self._draw_rays(rule, step)
        samples = self.sampler.sample(rays, rule, batch.first(batch.capacity // 2) if is_coarse else batch, step)
        if samples is None:
            return False
        self._learn(samples, rule, step)
        return True

    def update(self, step: int) -> None:
        """See Primitive."""
        self.sampler.update(self.field.density, self._batch, step)

    def loss(self) -> float | None:
        """The mean over the rays of the last step, None before the first."""
        return float(self._losses[: self._last_rays].mean()) if self._last_rays else None

    def figures(self) -> dict[str, float]:
        """Rays and samples of a step, and how many of these were backpropagated."""
        return {
            "rays_per_step": self._last_rays,
            "samples_per_step": self.sampler.sample_count,
            "active_samples": int(self._active.count),
        }

    def scratch(self) -> RadianceFieldPrimitive:
        """See Primitive."""
        config = dataclasses.replace(self.config, max_rays_per_step=_SCRATCH_RAYS)
        other = RadianceFieldPrimitive(config, self.bounds, self.color_space, self.device)
        other.add(_blank_view(self.bounds, self.color_space))
        return other

    def renderer(self) -> Renderer:
        """Renders what is learnt at the moment of each call."""
        steps, occupied = self.config.rendering_steps, self.sampler.grid.occupied
        return Renderer(self.field, occupied, self.cube, self.color_space, steps, self._near_distance)

    def warm_up_rendering(self) -> None:
        """Run rendering's kernels once, so that nothing is compiled when the first picture is asked for."""
        self.renderer().render(_looking_at(self.bounds, 8))

    def state(self) -> dict[str, torch.Tensor]:
        """See Primitive. Without where the views' errors lie, which is soon found again."""
        return self.field.state() | self.sampler.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See Primitive."""
        self.field.load_state(state)
        self.sampler.load_state(state)

    def _draw_rays(self, rule: StepRule, step: int) -> Rays:
        pixels = self.pixels
        rays = self._rays.first(self.sampler.ray_count)
        tiles = None if pixels.errors is None else pixels.errors.tiles(step)
        sample_training_rays(self.config.seed, step, rule, pixels.pictures, tiles, self._limits, rays, self._targets)
        self._last_rays = len(rays)
        return rays

    def _learn(self, samples: RaySamples, rule: StepRule, step: int) -> None:
        config, batch, spans = self.config, samples.batch, samples.spans
        # Of all rays: samples that nobody wrote in this step may name a ray of a former one.
        outputs = self.field.forward(batch, self._rays.directions, samples.count)
        self.sampler.observe(samples, outputs.density_rows, rule, step)
        active, gradients = self._active, self._gradients
        active.count.zero_()
        cut_rays(spans, batch.distances, outputs.density_rows, active, steps=rule, in_order=self._in_order)
        composite_training(
            spans, self._targets, batch.distances, outputs, self._losses, gradients,
            loss=self._ray_loss(step), steps=rule, seed=config.seed, step=step,
        )  # fmt: skip
        if self.pixels.errors is not None:
            self.pixels.errors.note(self._losses[: len(spans)])
        if config.gradient_threshold:
            draw_gradients(active, gradients, config.gradient_threshold, config.seed + step)
        self.field.backward(batch, active, gradients)

    def _ray_loss(self, step: int) -> RayLoss:
        config = self.config
        return RayLoss(
            linear=self.color_space == "linear",
            depth_weight=config.depth_weight_at(step),
            depth_tolerance=config.depth_tolerance / config.growth,
            full_distance=config.full_distance / config.growth,
            gradient_scale=self.gradient_scale,
        )


def _make_sampler(config: RadianceFieldConfig, cube: UnitCube, device: str) -> OccupancySampler:
    grid = OccupancyGrid(
        config.occupancy_resolution,
        config.occupancy_decay,
        config.steps.smallest * (config.steps.density if config.steps.grows else 1.0),
        cube,
        device,
        config.seed,
        config.cascades,
        config.near_distance / config.growth,
    )
    most = config.max_rays_per_step, config.max_samples_per_ray, config.longest_ray
    return OccupancySampler(grid, *most, config.occupancy_every)


def _looking_at(bounds: Bounds, size: int) -> Camera:
    """A small camera that has all of ``bounds`` in view."""
    pose = np.eye(4)
    pose[:3, 3] = bounds.center + np.array([0.0, 0.0, 3 * bounds.radius])
    return Camera(pose, size, size, float(size), float(size), size / 2, size / 2)


def _blank_view(bounds: Bounds, color_space: ColorSpace) -> View:
    camera = _looking_at(bounds, 8)
    color = np.ones((8, 8, 4), np.float16) if color_space == "linear" else np.full((8, 8, 4), 255, np.uint8)
    return View("warm-up", camera, color, color_space, np.full((8, 8), 3 * bounds.radius, np.float32))
