"""The training step: draw rays, march, evaluate, composite, gradients, Adam; views may come in between any two."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np
import torch

from engine.data.views import View, ViewError
from engine.device import PROFILES
from engine.fields.base import SampleBatch
from engine.fields.occupancy import OccupancyGrid
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera
from engine.link.messages import ColorSpace
from engine.optimizers.row_adam import RowAdam
from engine.primitives.config import TrainConfig
from engine.rendering.renderer import Renderer
from engine.training.error_map import ErrorMap
from engine.training.gradient_sampling import draw_gradients
from engine.training.memory import require_for_training, require_for_views
from engine.training.pixel_store import PixelStore, StoredPicture
from taichi_kernels import runtime
from taichi_kernels.bundles import ActiveSamples, FieldOutputs, Rays
from taichi_kernels.compositing import RayLoss, composite_training, cut_rays
from taichi_kernels.marching import march_rays
from taichi_kernels.rays import sample_training_rays
from taichi_kernels.segment_marching import SEGMENT_STEPS, march_ray_segments
from taichi_kernels.stepping import StepRule

_FIRST_RAYS = 512
_MOST_STEPS = 2**31 - 1  # kernels count in 32 bits
_MOST_SECONDS = 1e10
# Steps between those that tell the occupancy grid what they found.
_OBSERVE_EVERY = 4
# float16 gradients of a ray lie well inside the format's range with this factor.
_HALF_GRADIENT_SCALE = 16.0


@dataclasses.dataclass(frozen=True)
class TrainStats:
    """How training stands. ``loss``: mean over the rays of the last step (None before the first). ``active_samples``:
    those of its samples that are backpropagated."""

    step: int
    seconds: float
    loss: float | None
    steps_per_second: float
    rays_per_step: int
    samples_per_step: int
    active_samples: int


class Trainer:
    """Trains one field from views of one colour space inside ``bounds``."""

    def __init__(self, config: TrainConfig, bounds: Bounds, color_space: ColorSpace, device: str) -> None:
        require_for_training(config, device)
        runtime.start(device)
        self.config, self.bounds, self.color_space, self.device = config, bounds, color_space, device
        self._profile = PROFILES[device]
        self.cube = UnitCube(bounds, config.growth)
        self.field = config.scaled_field.build(device, config.seed)
        self.optimizer = RowAdam(self.field.parameters())
        self._near_distance = config.near_distance / config.growth
        self.occupancy = OccupancyGrid(
            config.occupancy_resolution,
            config.occupancy_decay,
            config.steps.smallest * (config.steps.density if config.steps.grows else 1.0),
            self.cube,
            device,
            config.seed,
            config.cascades,
            self._near_distance,
        )
        errors = ErrorMap(config.error_share, config.max_rays_per_step, device) if config.error_share else None
        self.pixels = PixelStore(self.cube, device, errors)
        self.step_count = 0
        self.training_seconds = 0.0
        self._budget: tuple[float | None, int | None] = (None, None)
        self._budget_since = 0.0
        self._ray_count = min(_FIRST_RAYS, config.max_rays_per_step)
        self._last_rays = 0
        self._last_samples = 0
        self._recent: list[float] = []
        self._batch = self.field.allocate(config.samples_per_step, for_training=True)
        self._limits = self.cube.ray_limits(device, self._near_distance, config.depth_margin / config.growth)
        rays, samples = config.max_rays_per_step, config.samples_per_step
        self._ray_ids = torch.arange(rays, dtype=torch.int32, device=device)
        self._all_rays = Rays.allocate(rays, device)
        self._targets = torch.zeros(rays, 5, device=device)
        self._ray_samples = torch.zeros(rays, 2, dtype=torch.int32, device=device)
        self._losses = torch.zeros(rays, device=device)
        self._marks: torch.Tensor | None = None
        if self._profile.segments_rays:
            segments = math.ceil((config.longest_ray + 1) / SEGMENT_STEPS)
            self._marks = torch.zeros(rays, segments, dtype=torch.int32, device=device)
        self._counter = torch.zeros(1, dtype=torch.int32, device=device)
        # The samples before rays are terminated.
        self._active = ActiveSamples(
            torch.zeros(samples, dtype=torch.int32, device=device), torch.zeros(1, dtype=torch.int32, device=device)
        )
        self._gradients = FieldOutputs.allocate(samples, device, self.field.dtype)

    @property
    def view_names(self) -> list[str]:
        """Names of the views trained on."""
        return self.pixels.names

    @property
    def is_finished(self) -> bool:
        """Whether the budget is used up."""
        return self.progress is not None and self.progress >= 1.0

    @property
    def progress(self) -> float | None:
        """How much of the budget is used, 0 to 1 and over; None without one."""
        seconds, steps = self._budget
        parts = []
        if seconds is not None:
            parts.append(self.planned_seconds / (seconds - self._budget_since))
        if steps is not None:
            parts.append(self.step_count / steps)
        return max(parts, default=None)

    @property
    def planned_seconds(self) -> float:
        """Training seconds since the budget's begin."""
        return max(self.training_seconds - self._budget_since, 0.0)

    def set_budget(self, seconds: float | None, steps: int | None, since: float = 0.0) -> None:
        """Total training seconds or steps (whichever is used up first) over which the learning rate falls. Seconds
        before ``since`` leave it as it is at first."""
        for name, value in (("seconds", seconds), ("steps", steps)):
            if value is not None and not value > 0:
                raise ValueError(f"{name}: the budget must be positive, got {value}")
        if not since >= 0 or (seconds is not None and not since < seconds):
            raise ValueError(f"since: the budget must begin at 0 or later and before its end, got {since}")
        self._budget, self._budget_since = (seconds, steps), since

    def add_view(self, view: View) -> None:
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
        marks = self.occupancy.look(*picture.coverage)
        if former is None:
            require_for_views(self.occupancy.view_bytes, view.name, self.device)
        pixels.add(view.name, picture)
        self.occupancy.take(view.name, marks)

    def warm_up(self) -> None:
        """Run training's kernels once on made-up data, so that nothing is compiled when the first view is there."""
        scratch = Trainer(
            dataclasses.replace(self.config, max_rays_per_step=1024), self.bounds, self.color_space, self.device
        )
        scratch.add_view(_blank_view(self.bounds, self.color_space))
        scratch.step()
        scratch.occupancy.refresh(scratch.field, scratch._batch, 0)
        self._profile.wait()

    def warm_up_rendering(self) -> None:
        """The same for the kernels of rendering."""
        self.renderer().render(_looking_at(self.bounds, 8))

    def step(self) -> None:
        """One optimisation step. Raises ViewError when there is no view yet."""
        if not len(self.pixels):
            raise ViewError("no views: add at least one before training")
        started = time.perf_counter()
        config, ray_count, steps = self.config, self._ray_count, self._steps
        batch = self._batch.first(self._batch.capacity // 2 if self._is_coarse else self._batch.capacity)
        rays = self._all_rays.first(ray_count)
        self._sample(batch, rays, steps)
        samples = self._count_samples(batch, ray_count)
        if samples:
            batch, ray_samples = batch.first(samples), self._ray_samples[:ray_count]
            # Of all rays: samples that nobody wrote in this step may name a ray of a former one.
            outputs = self.field.forward(batch, self._all_rays.directions, self._counter)
            if self.step_count % _OBSERVE_EVERY == 0:
                self.occupancy.observe(ray_samples, batch, outputs.density_rows, steps)
            active, gradients = self._active, self._gradients
            active.count.zero_()
            in_order = not self._profile.is_asynchronous
            cut_rays(ray_samples, batch.distances, outputs.density_rows, active, steps=steps, in_order=in_order)
            composite_training(
                ray_samples, self._targets, batch.distances, outputs, self._losses, gradients,
                loss=self._ray_loss(), steps=steps, seed=config.seed, step=self.step_count,
            )  # fmt: skip
            if self.pixels.errors is not None:
                self.pixels.errors.note(self._losses[:ray_count])
            if config.gradient_threshold:
                draw_gradients(active, gradients, config.gradient_threshold, config.seed + self.step_count)
            self.field.backward(batch, active, gradients)
            self.optimizer.step(self._learning_rate(), 1.0 / self._gradient_scale, config.weight_decay)
        self.step_count += 1
        if self.step_count % config.occupancy_every == 0:
            self.occupancy.refresh(self.field, self._batch, self.step_count)
        elapsed = time.perf_counter() - started
        self.training_seconds += elapsed
        self._recent = [*self._recent[-63:], elapsed]

    def stats(self) -> TrainStats:
        """Loss and rates. Reads the device: a few times a second, not every step."""
        loss = float(self._losses[: self._last_rays].mean()) if self._last_rays else None
        rate = len(self._recent) / sum(self._recent) if self._recent else 0.0
        return TrainStats(
            self.step_count,
            self.training_seconds,
            loss,
            rate,
            self._last_rays,
            self._last_samples,
            int(self._active.count),
        )

    def renderer(self) -> Renderer:
        """Renders what is learnt at the moment of each call."""
        steps = self.config.rendering_steps
        return Renderer(self.field, self.occupancy.occupied, self.cube, self.color_space, steps, self._near_distance)

    def state(self) -> dict[str, torch.Tensor]:
        """All a resume needs but the views, and where their errors lie, which is soon found again: field, optimiser,
        occupancy, counters."""
        return (
            self.field.state()
            | self.optimizer.state()
            | {
                "occupancy.densities": self.occupancy.densities,
                "occupancy.flags": self.occupancy.flags,
                "trainer.progress": torch.tensor(
                    [float(self.step_count), self.training_seconds, float(self._ray_count)], dtype=torch.float64
                ),
            }
        )

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError that names a missing or misshapen tensor."""
        progress = state.get("trainer.progress")
        if progress is None or progress.shape != (3,) or progress.dtype != torch.float64:
            raise ValueError("trainer.progress: missing or of another size or kind")
        step, seconds, rays = progress.tolist()
        if not (0 <= step <= _MOST_STEPS and 0 <= seconds <= _MOST_SECONDS and 0 <= rays < math.inf):
            raise ValueError(f"trainer.progress: {step:g} steps in {seconds:g} s, {rays:g} rays in the last")
        self.field.load_state(state)
        self.optimizer.load_state(state)
        self.occupancy.load(state)
        self.step_count, self.training_seconds = int(step), seconds
        self._ray_count = int(np.clip(rays, 1, self.config.max_rays_per_step))

    @property
    def _is_coarse(self) -> bool:
        config = self.config
        return self.step_count < config.coarse_until and (self.progress or 0.0) < config.coarse_progress

    @property
    def _steps(self) -> StepRule:
        return self.config.coarse_steps if self._is_coarse else self.config.steps

    @property
    def _gradient_scale(self) -> float:
        return _HALF_GRADIENT_SCALE if self.field.dtype == torch.float16 else 1.0

    def _learning_rate(self) -> float:
        config = self.config
        if self.progress is None:
            return config.learning_rate * min(1.0, config.open_ended_half_step / max(self.step_count, 1))
        # Constant for the first third, then exponential down to the final fraction.
        fall = min(max((self.progress - 1 / 3) * 1.5, 0.0), 1.0)
        return config.learning_rate * math.pow(config.final_rate_fraction, fall)

    def _ray_loss(self) -> RayLoss:
        config = self.config
        return RayLoss(
            linear=self.color_space == "linear",
            depth_weight=config.depth_weight_at(self.step_count),
            depth_tolerance=config.depth_tolerance / config.growth,
            full_distance=config.full_distance / config.growth,
            gradient_scale=self._gradient_scale,
        )

    def _sample(self, batch: SampleBatch[Any], rays: Rays, steps: StepRule) -> None:
        config, pixels, occupied = self.config, self.pixels, self.occupancy.occupied
        tiles = None if pixels.errors is None else pixels.errors.tiles(self.step_count)
        sample_training_rays(
            config.seed, self.step_count, steps, pixels.pictures, tiles, self._limits, rays, self._targets
        )
        self._counter.zero_()
        longest, out = config.max_samples_per_ray, (self._counter, self._ray_samples, batch)
        if self._marks is None:
            march_rays(self._ray_ids[: len(rays)], longest, steps, rays, occupied, *out, in_order=True)
        else:
            march_ray_segments(self._marks[: len(rays)], longest, steps, rays, occupied, *out)

    def _count_samples(self, batch: SampleBatch[Any], rays: int) -> int:
        """How many samples of ``batch`` to evaluate; adjusts the next step's number of rays."""
        capacity, every = batch.capacity, self._profile.read_every
        self._last_rays = rays
        if self.step_count % every and self.step_count > every:
            return capacity
        wanted = int(self._counter)
        self._last_samples = min(wanted, capacity)
        grown = rays * capacity * 0.95 / max(wanted, 1)
        self._ray_count = int(np.clip(grown, 64, min(rays * 2, self.config.max_rays_per_step)))
        return capacity if self._profile.is_asynchronous else min(wanted, capacity)


def _looking_at(bounds: Bounds, size: int) -> Camera:
    """A small camera that has all of ``bounds`` in view."""
    pose = np.eye(4)
    pose[:3, 3] = bounds.center + np.array([0.0, 0.0, 3 * bounds.radius])
    return Camera(pose, size, size, float(size), float(size), size / 2, size / 2)


def _blank_view(bounds: Bounds, color_space: ColorSpace) -> View:
    camera = _looking_at(bounds, 8)
    color = np.ones((8, 8, 4), np.float16) if color_space == "linear" else np.full((8, 8, 4), 255, np.uint8)
    return View("warm-up", camera, color, color_space, np.full((8, 8), 3 * bounds.radius, np.float32))
