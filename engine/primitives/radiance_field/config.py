"""How to train a radiance field, of whichever kind: one frozen dataclass."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated

from engine.fields.base import FieldConfig, FieldError
from engine.link.values import Limits, shorten
from engine.primitives.config import MOST, ConfigError, Count, TrainConfig, Weight, hold_to_limits
from taichi_kernels.activations import DENSITY_SCALE
from taichi_kernels.stepping import MOST_STEPS, StepRule

# instant-ngp's limit too: an aabb_scale of 128.
MAX_CASCADES = 8
_LASTING_TRUST = 0.1
_MOST_CELLS = 1 << 27  # of all cascades: a single one of 512 a side

_Steps = Annotated[int, Limits(0, MOST)]
_Share = Annotated[float, Limits(0.0, 1.0)]
_Length = Annotated[float, Limits(1e-9, 1e6)]
_Factor = Annotated[float, Limits(1e-6, 1e6)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RadianceFieldConfig(TrainConfig):
    """Every setting of training a radiance field. Lengths are in units of the bounds' longest edge; what the properties
    give is in unit-cube lengths."""

    field: FieldConfig
    # Samples evaluated in a step; the number of rays is adjusted to fill them.
    samples_per_step: Annotated[int, Limits(1, 1 << 22)]
    max_rays_per_step: Annotated[int, Limits(1, 1 << 20)]
    max_samples_per_ray: Annotated[int, Limits(1, 1 << 14)]
    # Steps along the diagonal of a cube around the bounds, near the camera.
    march_steps: Annotated[int, Limits(1, 1 << 14)]
    occupancy_resolution: Annotated[int, Limits(16, 512)]
    occupancy_every: Count
    # Of an open cell's running maximum, each time it is visited.
    occupancy_decay: _Share
    # Until there is detail to place, rays are marched at twice the step, with half of the samples: for so many training
    # steps, but no longer than this part of a budget.
    coarse_until: _Steps = 0
    coarse_progress: _Share = 0.6
    # Share of a step's rays that are drawn by what training missed there before (see error_map), the others evenly over
    # all pixels: detail has more of them than smooth ground. A GPU has rays enough for all.
    error_share: Annotated[float, Limits(0.0, 0.999)] = 0.0
    # Samples whose gradient is smaller than this many times the mean are backpropagated by chance (see
    # gradient_sampling); 0: all are. Waits for the device in each step: for CPUs.
    gradient_threshold: Weight = 0.0
    # Captured depth: how far before and behind the surfaces around a pixel rays are sampled, and weight and unit of
    # length of the line-of-sight loss. The weight halves every so many steps, down to a tenth: at once depth puts
    # surfaces where they are, later it would hold them harder than antialiased pictures allow.
    depth_margin: _Length = 0.015
    depth_weight: Weight = 0.05
    depth_half_life: Count = 400
    depth_tolerance: _Length = 0.02
    # Pixels that the bounds' longest edge spans in a typical view (see geometry.pixels_across), 0 when not known, and
    # how many cells of the finest level to a pixel. Cells much finer than pixels learn nothing but grain.
    pixels_across: Annotated[float, Limits(0.0, 1e12)] = 0.0
    cells_per_pixel: _Factor = 2.0
    # Cubes of occupancy, each twice as large as the one before: 1 where there is nothing outside the bounds.
    cascades: Annotated[int, Limits(1, MAX_CASCADES)] = 1
    # How fast steps grow with the distance from the camera, how near to it rays begin, and from where on samples teach
    # in full (see composite_training).
    cone_angle: _Share = 0.0
    near_distance: Annotated[float, Limits(0.0, 1e6)] = 0.0
    full_distance: _Length = 1.0
    # Steps of rendering to one of training: there is time for them there.
    render_refinement: Annotated[int, Limits(1, 16)] = 1
    # Of an untrained field, with several cascades: optical thickness of the bounds' longest edge.
    initial_density: _Factor = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.field, FieldConfig):
            raise ConfigError(f"field: expected its settings, got {shorten(self.field)}")
        super().__post_init__()
        self._check_field()
        if self.occupancy_resolution % 16:
            raise ConfigError(f"occupancy_resolution: {self.occupancy_resolution} is not a multiple of 16")
        cells = self.cascades * self.occupancy_resolution**3
        if cells > _MOST_CELLS:
            raise ConfigError(
                f"occupancy_resolution: {self.occupancy_resolution} makes {cells} cells with {self.cascades} cascades, "
                f"at most {_MOST_CELLS}"
            )
        longest = self.longest_ray
        if max(longest, self._count_longest(self.rendering_steps)) > MOST_STEPS:
            raise ConfigError(
                f"march_steps: with {self.march_steps}, {self.cascades} cascades, a cone_angle of {self.cone_angle:g} "
                f"and a render_refinement of {self.render_refinement}, a ray would have more than {MOST_STEPS} steps"
            )
        if self.max_rays_per_step * min(self.max_samples_per_ray, longest) > MOST:
            raise ConfigError(
                f"max_samples_per_ray: {self.max_samples_per_ray} for each of {self.max_rays_per_step} rays are more "
                "samples than can be counted"
            )

    def _check_field(self) -> None:
        hold_to_limits(self.field, "field.")
        try:
            self.field.check()
        except FieldError as error:
            raise ConfigError(f"field.{error}") from None

    @property
    def kind(self) -> str:
        """The name of what is learnt (see registry)."""
        return self.field.kind

    @property
    def longest_ray(self) -> int:
        """The steps of the longest ray in training."""
        return self._count_longest(self.steps)

    def _count_longest(self, steps: StepRule) -> int:
        """The steps of the longest ray, MOST_STEPS + 1 if there are more."""
        near = self.near_distance / self.growth
        return steps.count_between(near, near + 3**0.5)

    @property
    def growth(self) -> int:
        """How many times as large as the bounds' longest edge the unit cube is."""
        return int(2 ** (self.cascades - 1))

    def depth_weight_at(self, step: int) -> float:
        """The line-of-sight loss's weight in a training step."""
        return self.depth_weight * self._trust_depth(step)

    def _trust_depth(self, step: int) -> float:
        return max(math.pow(0.5, step / self.depth_half_life), _LASTING_TRUST)

    @property
    def steps(self) -> StepRule:
        """How far apart the samples of a training ray lie."""
        return self._space_samples(1.0)

    @property
    def coarse_steps(self) -> StepRule:
        """The same for the first, coarse part of training."""
        return self._space_samples(2.0)

    @property
    def rendering_steps(self) -> StepRule:
        """The same for rendering."""
        return self._space_samples(1.0 / self.render_refinement)

    def _space_samples(self, stretch: float) -> StepRule:
        smallest = stretch * float(3**0.5 / self.march_steps) / self.growth
        # No sample steps over a whole cell of the outermost cascade.
        largest = max(float(3**0.5 / self.occupancy_resolution), smallest)
        return StepRule(
            smallest, largest, stretch * self.cone_angle, self.initial_density * self.growth / DENSITY_SCALE
        )

    @property
    def scaled_field(self) -> FieldConfig:
        """The field's size over the whole unit cube: as fine in the bounds as ``field`` says and the views show."""
        return self.field.fit(self.growth, self.cells_per_pixel * self.pixels_across)
