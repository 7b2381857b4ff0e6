"""How to train a radiance field whose rays are sampled through an occupancy grid."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from engine.device import PROFILES
from engine.fields.base import SampledFieldConfig
from engine.link.values import Limits
from engine.primitives.config import MOST, ConfigError, Count, Weight
from engine.primitives.radiance_field.config import RAY_BYTES, Factor, Length, RadianceFieldConfig, Share
from taichi_kernels.activations import DENSITY_SCALE
from taichi_kernels.compositing import RayLoss
from taichi_kernels.segment_marching import SEGMENT_STEPS
from taichi_kernels.stepping import MOST_STEPS, StepRule

_MOST_CELLS = 1 << 27  # of all cascades: a single one of 512 a side
# Flags, densities, counts, observed densities, the list of candidates, and what is made while they are set anew.
_CELL_BYTES = 4 + 4 + 12 + 4 + 4 + 20

_Steps = Annotated[int, Limits(0, MOST)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OccupancyConfig(RadianceFieldConfig):
    """RadianceFieldConfig, and how rays are marched through the grid; lengths are in the same units."""

    field: SampledFieldConfig
    # Samples evaluated in a step; the number of rays is adjusted to fill them.
    samples_per_step: Annotated[int, Limits(1, 1 << 22)]
    max_samples_per_ray: Annotated[int, Limits(1, 1 << 14)]
    # Steps along the diagonal of a cube around the bounds, near the camera.
    march_steps: Annotated[int, Limits(1, 1 << 14)]
    occupancy_resolution: Annotated[int, Limits(16, 512)]
    occupancy_every: Count
    # An open cell's density maximum is multiplied by this at each of its updates (instant-ngp's decay).
    occupancy_decay: Share
    # Until there is detail to place, rays are marched at twice the step, with half of the samples: for so many training
    # steps, but no longer than this part of a budget.
    coarse_until: _Steps = 0
    coarse_progress: Share = 0.6
    # Samples whose gradient is smaller than this many times the mean are backpropagated by chance (see
    # gradient_sampling); 0: all are. Waits for the device in each step: for CPUs.
    gradient_threshold: Weight = 0.0
    # How fast steps grow with the distance from the camera, and the distance from which on samples' gradients count in
    # full (see RayLoss).
    cone_angle: Share = 0.0
    full_distance: Length = 1.0
    # Steps of rendering to one of training: there is time for them there.
    render_refinement: Annotated[int, Limits(1, 16)] = 1
    # Optical depth of the bounds' longest edge in an untrained field, with several cascades.
    initial_density: Factor = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
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

    @property
    def longest_ray(self) -> int:
        """The steps of the longest ray in training."""
        return self._count_longest(self.steps)

    def _count_longest(self, steps: StepRule) -> int:
        """The steps of the longest ray, MOST_STEPS + 1 if there are more."""
        near = self.near_distance / self.growth
        return steps.count_between(near, near + 3**0.5)

    @property
    def steps(self) -> StepRule:
        """How far apart the samples of a training ray lie."""
        return self._space_samples(1.0)

    @property
    def coarse_steps(self) -> StepRule:
        """How far apart samples are in the first, coarse part of training."""
        return self._space_samples(2.0)

    @property
    def rendering_steps(self) -> StepRule:
        """How far apart samples are in rendering."""
        return self._space_samples(1.0 / self.render_refinement)

    def _space_samples(self, stretch: float) -> StepRule:
        smallest = stretch * float(3**0.5 / self.march_steps) * self.unit
        # No sample steps over a whole cell of the outermost cascade.
        largest = max(float(3**0.5 / self.occupancy_resolution), smallest)
        return StepRule(
            smallest, largest, stretch * self.cone_angle, self.initial_density * self.growth / DENSITY_SCALE
        )

    def ray_loss(self, step: int, linear: bool, gradient_scale: float) -> RayLoss:
        """As RadianceFieldConfig.ray_loss."""
        loss = super().ray_loss(step, linear, gradient_scale)
        return dataclasses.replace(loss, full_distance=self.full_distance / self.growth)

    def needed_bytes(self, device: str) -> int:
        """As RadianceFieldConfig.needed_bytes."""
        ray_bytes = RAY_BYTES
        if PROFILES[device].segments_rays:
            ray_bytes += 4 * -(-self.longest_ray // SEGMENT_STEPS)
        return (
            self.fit(self.field).needed_bytes(self.samples_per_step, device)
            + self.max_rays_per_step * ray_bytes
            + self.cascades * self.occupancy_resolution**3 * _CELL_BYTES
        )
