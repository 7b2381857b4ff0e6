"""The training step: draw rays, march, evaluate, composite, gradients, Adam; views may come in between any two."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
import torch

from engine.data.views import View, ViewError
from engine.fields.hash_grid_field import HashGridField, SampleBatch
from engine.fields.occupancy import OccupancyGrid
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera
from engine.link.messages import ColorSpace
from engine.rendering.renderer import Renderer
from engine.training.config import TrainConfig
from engine.training.pixel_store import PixelStore
from taichi_kernels import runtime
from taichi_kernels.compositing import composite_training, cut_rays
from taichi_kernels.marching import march_rays
from taichi_kernels.rays import sample_training_rays
from taichi_kernels.segment_marching import SEGMENT_STEPS, march_ray_segments
from taichi_kernels.stepping import StepRule

_FIRST_RAYS = 512
# On a GPU the host looks at the device this often: each look waits for all that was launched.
_READ_EVERY = 16
# Steps between those that tell the occupancy grid what they found.
_OBSERVE_EVERY = 4
# float16 gradients of a ray lie well inside the format's range with this factor.
_HALF_GRADIENT_SCALE = 16.0


@dataclasses.dataclass(frozen=True)
class TrainStats:
    """How training stands. ``loss``: mean over the rays of the last step (None before the first). ``taught_samples``:
    those of its samples that light gets through to."""

    step: int
    seconds: float
    loss: float | None
    steps_per_second: float
    rays_per_step: int
    samples_per_step: int
    taught_samples: int


class Trainer:
    """Trains one field from views of one colour space inside ``bounds``."""

    def __init__(self, config: TrainConfig, bounds: Bounds, color_space: ColorSpace, device: str) -> None:
        runtime.start(device)
        self.config, self.bounds, self.color_space, self.device = config, bounds, color_space, device
        self.cube = UnitCube(bounds, config.growth)
        self.field = HashGridField(config.scaled_field, device, config.seed)
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
        self.pixels = PixelStore(self.cube, device)
        self.step_count = 0
        self.training_seconds = 0.0
        self._budget: tuple[float | None, int | None] = (None, None)
        self._rays = min(_FIRST_RAYS, config.max_rays_per_step)
        self._last_rays = 0
        self._last_samples = 0
        self._recent: list[float] = []
        self._batch = self.field.allocate(config.samples_per_step)
        self._scratch = self.field.networks.allocate_scratch(config.samples_per_step)
        self._box = torch.from_numpy(self.cube.box()).to(device)
        rays, samples, dtype = config.max_rays_per_step, config.samples_per_step, self.field.dtype
        self._ray_ids = torch.arange(rays, dtype=torch.int32, device=device)
        self._rays_o = torch.zeros(rays, 3, device=device)
        self._rays_d = torch.zeros(rays, 3, device=device)
        self._t_range = torch.zeros(rays, 2, device=device)
        self._targets = torch.zeros(rays, 5, device=device)
        self._ray_samples = torch.zeros(rays, 2, dtype=torch.int32, device=device)
        self._losses = torch.zeros(rays, device=device)
        self._marks: torch.Tensor | None = None
        if device == "cuda":
            longest = config.steps.count_between(self._near_distance, self._near_distance + 3**0.5)
            segments = math.ceil((longest + 1) / SEGMENT_STEPS)
            self._marks = torch.zeros(rays, segments, dtype=torch.int32, device=device)
        self._counter = torch.zeros(1, dtype=torch.int32, device=device)
        # The samples that teach.
        self._rows = torch.zeros(samples, dtype=torch.int32, device=device)
        self._row_count = torch.zeros(1, dtype=torch.int32, device=device)
        self._grad_raw_densities = torch.zeros(samples, device=device, dtype=dtype)
        self._grad_raw_colors = torch.zeros_like(self._batch.activations.raw_colors)

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
            parts.append(self.training_seconds / seconds)
        if steps is not None:
            parts.append(self.step_count / steps)
        return max(parts, default=None)

    def set_budget(self, seconds: float | None, steps: int | None) -> None:
        """Total training seconds or steps (whichever is used up first) over which the learning rate falls."""
        for name, value in (("seconds", seconds), ("steps", steps)):
            if value is not None and not value > 0:
                raise ValueError(f"{name}: the budget must be positive, got {value}")
        self._budget = (seconds, steps)

    def add_view(self, view: View) -> None:
        """Train on this view too from the next step on. Raises ViewError when its colour space isn't the field's."""
        if view.color_space != self.color_space:
            raise ViewError(
                f"view {view.name}: it is {view.color_space}, but this run learns {self.color_space} colour"
            )
        is_replaced = view.name in self.pixels.names
        self.pixels.add(view)
        if is_replaced:
            # What the former picture carved can't be told from what the others did: carve with all of them anew.
            self.occupancy.forget_views()
        for name in self.pixels.names if is_replaced else [view.name]:
            self.occupancy.carve(*self.pixels.coverage(name))

    def warm_up(self) -> None:
        """Run training's kernels once on made-up data, so that nothing is compiled when the first view is there."""
        scratch = Trainer(
            dataclasses.replace(self.config, max_rays_per_step=1024), self.bounds, self.color_space, self.device
        )
        scratch.add_view(_blank_view(self.bounds, self.color_space))
        scratch.step()
        scratch.occupancy.refresh(scratch.field, scratch._batch, 0)
        if self.device == "cuda":
            torch.cuda.synchronize()

    def warm_up_rendering(self) -> None:
        """The same for the kernels of rendering."""
        self.renderer().render(_looking_at(self.bounds, 8))

    def step(self) -> None:
        """One optimisation step. Raises ViewError when there is no view yet."""
        if not len(self.pixels):
            raise ViewError("no views: add at least one before training")
        started = time.perf_counter()
        config, rays, steps = self.config, self._rays, self._steps
        batch = self._batch.first(self._batch.capacity // 2 if self._is_coarse else self._batch.capacity)
        self._sample(batch, rays, steps)
        samples = self._count_samples(batch, rays)
        if samples:
            batch, ray_samples = batch.first(samples), self._ray_samples[:rays]
            raw_densities, raw_colors = self.field.evaluate(batch, self._rays_d, self._counter)
            if self.step_count % _OBSERVE_EVERY == 0:
                self.occupancy.observe(ray_samples, batch, raw_densities, steps)
            self._row_count.zero_()
            cut_rays(
                ray_samples, batch.distances, raw_densities, self._rows, self._row_count,
                steps=steps, in_order=self.device == "cpu",
            )  # fmt: skip
            composite_training(
                ray_samples,
                self._targets,
                batch.distances,
                raw_densities,
                raw_colors,
                self._losses,
                self._grad_raw_densities,
                self._grad_raw_colors,
                linear=self.color_space == "linear",
                steps=steps,
                depth_weight=config.depth_weight_at(self.step_count),
                depth_tolerance=config.depth_tolerance / config.growth,
                full_distance=config.full_distance / config.growth,
                gradient_scale=self._gradient_scale,
                seed=config.seed,
                step=self.step_count,
            )
            self.field.backward(
                batch, self._rows, self._row_count, self._grad_raw_densities, self._grad_raw_colors, self._scratch
            )
            self.field.step(self._learning_rate(), 1.0 / self._gradient_scale, config.weight_decay)
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
            int(self._row_count),
        )

    def renderer(self) -> Renderer:
        """Renders what is learnt at the moment of each call."""
        return Renderer(self.field, self.occupancy, self.cube, self.color_space, self.config.steps, self._near_distance)

    def state(self) -> dict[str, torch.Tensor]:
        """All a resume needs but the views: field, optimiser, occupancy, counters."""
        return self.field.state() | {
            "occupancy.densities": self.occupancy.densities,
            "occupancy.flags": self.occupancy.flags,
            "trainer.progress": torch.tensor(
                [float(self.step_count), self.training_seconds, float(self._rays)], dtype=torch.float64
            ),
        }

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError that names a missing or misshapen tensor."""
        if "trainer.progress" not in state or state["trainer.progress"].shape != (3,):
            raise ValueError("trainer.progress: missing or of another size")
        self.field.load_state(state)
        self.occupancy.load(state)
        step, self.training_seconds, rays = state["trainer.progress"].tolist()
        self.step_count = int(step)
        self._rays = int(np.clip(rays, 1, self.config.max_rays_per_step))

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
        return config.learning_rate * config.final_rate_fraction**fall

    def _sample(self, batch: SampleBatch, rays: int, steps: StepRule) -> None:
        config, pixels, occupancy = self.config, self.pixels, self.occupancy
        sample_training_rays(
            rays, len(pixels), config.seed, self.step_count, self.cube.scale,
            config.depth_margin_at(self.step_count), self._near_distance, steps,
            pixels.cameras, pixels.images, pixels.colors, pixels.depths, self._box,
            self._rays_o, self._rays_d, self._t_range, self._targets,
        )  # fmt: skip
        self._counter.zero_()
        if self._marks is None:
            march_rays(
                self._ray_ids[:rays], config.max_samples_per_ray, steps,
                self._rays_o, self._rays_d, self._t_range,
                occupancy.bits, occupancy.coarse_bits, occupancy.resolution, occupancy.coarse_resolution,
                self._counter, self._ray_samples, batch.points, batch.distances, batch.sample_rays,
                occupancy.cascades, in_order=True,
            )  # fmt: skip
        else:
            march_ray_segments(
                self._marks[:rays], config.max_samples_per_ray, steps,
                self._rays_o, self._rays_d, self._t_range,
                occupancy.bits, occupancy.coarse_bits, occupancy.resolution, occupancy.coarse_resolution,
                self._counter, self._ray_samples, batch.points, batch.distances, batch.sample_rays,
                occupancy.cascades,
            )  # fmt: skip

    def _count_samples(self, batch: SampleBatch, rays: int) -> int:
        """How many samples of ``batch`` to evaluate; adjusts the next step's number of rays."""
        capacity = batch.capacity
        self._last_rays = rays
        if self.device == "cuda" and self.step_count % _READ_EVERY and self.step_count > _READ_EVERY:
            return capacity
        wanted = int(self._counter)
        self._last_samples = min(wanted, capacity)
        grown = rays * capacity * 0.95 / max(wanted, 1)
        self._rays = int(np.clip(grown, 64, min(rays * 2, self.config.max_rays_per_step)))
        return capacity if self.device == "cuda" else min(wanted, capacity)


def _looking_at(bounds: Bounds, size: int) -> Camera:
    """A small camera that has all of ``bounds`` in view."""
    pose = np.eye(4)
    pose[:3, 3] = bounds.center + np.array([0.0, 0.0, 3 * bounds.radius])
    return Camera(pose, size, size, float(size), float(size), size / 2, size / 2)


def _blank_view(bounds: Bounds, color_space: ColorSpace) -> View:
    camera = _looking_at(bounds, 8)
    color = np.ones((8, 8, 4), np.float16) if color_space == "linear" else np.full((8, 8, 4), 255, np.uint8)
    return View("warm-up", camera, color, color_space, np.full((8, 8), 3 * bounds.radius, np.float32))
