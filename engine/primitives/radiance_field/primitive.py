"""A radiance field, learnt from views: what every kind does, however it samples rays."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, Self

import numpy as np
import torch

from engine.data.views import View, ViewError
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace, RadianceFieldSpec, Split
from engine.optimizers.parameters import ParameterGroup
from engine.primitives.base import NoDataError, Primitive, Scores
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.radiance_field.error_map import ErrorMap
from engine.primitives.radiance_field.evaluation import score_views
from engine.primitives.radiance_field.pixel_store import PixelStore, StoredPicture
from engine.primitives.radiance_field.views import KnownViews
from engine.rendering.renderer import Renderer
from engine.rendering.viewer import looking_at
from taichi_kernels import runtime
from taichi_kernels.bundles import Pictures, Rays
from taichi_kernels.compositing import RayLoss
from taichi_kernels.rays import sample_training_rays
from taichi_kernels.stepping import StepRule

# float16 gradients of a ray lie well inside the format's range with this factor.
_HALF_GRADIENT_SCALE = 16.0
_SCRATCH_RAYS = 1024


class Field(Protocol):
    """What is learnt. ``dtype``: of its outputs, and of the gradients it takes."""

    dtype: torch.dtype

    def parameters(self) -> list[ParameterGroup]:
        """What an optimiser is to move."""

    def state(self) -> dict[str, torch.Tensor]:
        """What was learnt, by name, on the device, not copied."""

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError when a tensor is missing or of another size."""


class RadianceFieldPrimitive(Primitive):
    """One field, learnt from views of one colour space inside ``bounds``. How its rays are sampled is its
    subclasses' matter."""

    config: RadianceFieldConfig

    def __init__(
        self, config: RadianceFieldConfig, field: Field, bounds: Bounds, color_space: ColorSpace, device: str
    ) -> None:
        """``field``: as new, of the configuration's size."""
        runtime.start(device)
        self.config, self.field, self.bounds, self.color_space, self.device = config, field, bounds, color_space, device
        self.spec = RadianceFieldSpec(bounds=bounds, color_space=color_space, field=config.kind)
        self.cube = UnitCube(bounds, config.growth)
        self.gradient_scale = _HALF_GRADIENT_SCALE if field.dtype == torch.float16 else 1.0
        errors = ErrorMap(config.error_share, config.max_rays_per_step, device) if config.error_share else None
        self.pixels = PixelStore(self.cube, device, errors)
        self._views = KnownViews()
        near_distance, depth_margin = config.near_distance / config.growth, config.depth_margin * config.unit
        self.limits = self.cube.ray_limits(device, near_distance, depth_margin)  # of training's rays
        self._last_rays = 0
        rays = config.max_rays_per_step
        self._rays = Rays.allocate(rays, device)
        self._targets = torch.zeros(rays, 5, device=device)
        self._losses = torch.zeros(rays, device=device)

    def parameters(self) -> list[ParameterGroup]:
        """Those of the field."""
        return self.field.parameters()

    def add(self, item: View) -> None:
        """See Primitive. A view that is there already as it is changes nothing. Raises ViewError when its colour space
        isn't the field's, or when it was for the other purpose before, MemoryShortage; then all is as it was."""
        self._views.require_same_split(item)
        if item.color_space != self.color_space:
            raise ViewError(
                f"view {item.name}: it is {item.color_space}, but this run learns {self.color_space} colour"
            )
        if item.split == "train":
            self._train_on(item)
        self._views.note(item)

    @property
    def items(self) -> Mapping[str, Split]:
        """See Primitive."""
        return self._views.splits

    @property
    def is_ready(self) -> bool:
        """See Primitive."""
        return len(self.pixels) > 0

    def describe_data(self) -> dict[str, Any]:
        """Names, splits and cameras of the views."""
        return {"views": self._views.describe()}

    def _train_on(self, view: View) -> None:
        picture = StoredPicture.upload(view, self.device)
        former = self.find_picture(view.name)
        if former is None or not former.equals(picture):
            self.take_in(view.name, picture)

    def find_picture(self, name: str) -> StoredPicture | None:
        """That of a training view; None where there is no view of this name."""
        return self.pixels.picture(name) if name in self.pixels else None

    def take_in(self, name: str, picture: StoredPicture) -> None:
        """Store a picture, in the place of the one of its name if there is one."""
        self.pixels.add(name, picture)

    def loss(self) -> float | None:
        """The mean over the rays of the last step, None before the first."""
        return float(self._losses[: self._last_rays].mean()) if self._last_rays else None

    @abc.abstractmethod
    def figures(self) -> dict[str, float]:
        """Rays and samples of a step, and how many of these were backpropagated: ``rays_per_step``,
        ``samples_per_step``, ``active_samples``."""

    @abc.abstractmethod
    def begin_anew(self, rays: int) -> Self:
        """One like it that has learnt nothing yet, with at most so many rays a step."""

    def scratch(self) -> Self:
        """See Primitive."""
        other = self.begin_anew(min(self.config.max_rays_per_step, _SCRATCH_RAYS))
        other.add(blank_view(self.bounds, self.color_space))
        return other

    @abc.abstractmethod
    def viewer(self) -> Renderer:
        """See Primitive."""

    def evaluate(self, viewer: Renderer, most: int | None = None) -> Iterator[int | Scores]:
        """See Primitive. Over whole pictures and over the subject, on black."""
        return score_views(viewer, self._views.held_out, most)

    def state(self) -> dict[str, torch.Tensor]:
        """See Primitive. Without where the views' errors lie, which is soon found again."""
        return self.field.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See Primitive."""
        self.field.load_state(state)

    @property
    def _pictures(self) -> Pictures:
        """What the rays of a step are drawn from."""
        return self.pixels.pictures

    @property
    def _errors(self) -> ErrorMap | None:
        """Where these have errors, if that is noted."""
        return self.pixels.errors

    def _draw_rays(self, count: int, rule: StepRule, step: int) -> Rays:
        """Draw ``count`` pixels of the views, their rays beginning within a step of ``rule``. Raises NoDataError."""
        if not len(self.pixels):
            raise NoDataError("no views: add at least one before training")
        rays, errors = self._rays.first(count), self._errors
        tiles = None if errors is None else errors.tiles(step)
        sample_training_rays(self.config.seed, step, rule, self._pictures, tiles, self.limits, rays, self._targets)
        self._last_rays = len(rays)
        return rays

    def _note_losses(self) -> None:
        """Where errors lie, of the rays drawn last."""
        if self._errors is not None:
            self._errors.note(self._losses[: self._last_rays])

    def _ray_loss(self, step: int) -> RayLoss:
        return self.config.ray_loss(step, self.color_space == "linear", self.gradient_scale)


def blank_view(bounds: Bounds, color_space: ColorSpace, name: str = "warm-up") -> View:
    """A small white picture that has all of ``bounds`` in it."""
    camera = looking_at(bounds, 8)
    color = np.ones((8, 8, 4), np.float16) if color_space == "linear" else np.full((8, 8, 4), 255, np.uint8)
    return View(name, camera, color, color_space, np.full((8, 8), 3 * bounds.radius, np.float32))
