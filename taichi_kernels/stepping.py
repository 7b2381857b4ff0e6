"""How far apart the samples of a ray lie: near the camera close together, farther away in proportion to the distance.

Instant-NGP, appendix E.1. The step is a function of the distance from the camera alone, so whoever knows a sample's
distance knows its step: marching and compositing agree without storing it.
"""

import dataclasses
from typing import Self

import taichi as ti


@dataclasses.dataclass(frozen=True)
class StepRule:
    """The step at ``distance`` along a ray: ``distance * cone_angle``, kept between ``smallest`` and ``largest``.

    A ``cone_angle`` of 0 makes it ``smallest`` everywhere. Unit-cube lengths. ``density`` is what densities are
    multiplied with where steps grow: the unit cube is larger there than what a camera stands in front of, and an
    untrained field must not be a fog around it.
    """

    smallest: float
    largest: float
    cone_angle: float
    density: float = 1.0

    @classmethod
    def constant(cls, length: float) -> Self:
        """The same step everywhere."""
        return cls(length, length, 0.0)

    @property
    def grows(self) -> bool:
        """Whether the step depends on the distance. Kernels are compiled for one or the other."""
        return self.cone_angle > 0.0


@ti.func
def step_at(distance: ti.f32, smallest: ti.f32, largest: ti.f32, cone_angle: ti.f32, grows: ti.template()) -> ti.f32:
    """The step from ``distance`` to the next sample of a ray; see StepRule."""
    step = smallest
    if ti.static(grows):
        step = ti.math.clamp(distance * cone_angle, smallest, largest)
    return step


@ti.func
def weighted_step_at(
    distance: ti.f32, smallest: ti.f32, largest: ti.f32, cone_angle: ti.f32, density: ti.f32, grows: ti.template()
) -> ti.f32:
    """The step times the rule's density: what an activated density makes an optical thickness with."""
    step = step_at(distance, smallest, largest, cone_angle, grows)
    if ti.static(grows):
        step *= density
    return step
