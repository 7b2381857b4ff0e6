"""How far apart the samples of a ray lie: near the camera close together, farther away in proportion to the distance.

Instant-NGP, appendix E.1. The step is a function of the distance from the camera alone, so whoever knows a sample's
distance knows its step: marching and compositing agree without storing it.
"""

import dataclasses
import math
from typing import Self

import taichi as ti

from taichi_kernels.launch import func, numbers_of

# No ray looks at more lattice distances than this, whatever the numbers that it was made from: a kernel that doesn't
# end can't be stopped.
MOST_STEPS = 1 << 16
_LEAST_CHANGE = 2.0**-23  # of a float32


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
        """A rule of one step everywhere."""
        return cls(length, length, 0.0)

    @property
    def grows(self) -> bool:
        """Whether the step depends on the distance. Kernels are compiled for one or the other."""
        return self.cone_angle > 0.0

    def count_between(self, near: float, far: float) -> int:
        """How many samples a ray takes from ``near`` to ``far``, at most; MOST_STEPS + 1 if there are more."""
        distance, count = near, 0
        while distance < far and self.grows and count <= MOST_STEPS:
            distance += min(max(distance * self.cone_angle, self.smallest), self.largest)
            count += 1
        return count if self.grows else min(math.ceil((far - near) / self.smallest), MOST_STEPS + 1)


StepNumbers = numbers_of(StepRule)


@func
def lattice_distance(start: ti.f32, k: ti.i32, steps: ti.template(), grows: ti.template()) -> ti.f32:
    """The distance that ``k`` steps from ``start`` lead to, without taking them one by one."""
    t = start + k * steps.smallest
    if ti.static(grows):
        # The lattice is even as long as the smallest step applies, then geometric, at last even again.
        near_steps = ti.max(ti.ceil((steps.smallest / steps.cone_angle - start) / steps.smallest), 0.0)
        if k > near_steps:
            growth = ti.log(1.0 + steps.cone_angle)
            t = start + near_steps * steps.smallest
            growing_steps = ti.max(ti.ceil(ti.log(steps.largest / (steps.cone_angle * t)) / growth), 0.0)
            grown = ti.min(k - near_steps, growing_steps)
            t = t * ti.exp(grown * growth) + (k - near_steps - grown) * steps.largest
    return t


@func
def step_no_less_than(smallest: ti.f32, distance: ti.f32, steps: ti.template(), grows: ti.template()) -> ti.f32:
    """The step at ``distance`` by the rule, but for what it is no less than."""
    step = smallest
    if ti.static(grows):
        step = ti.math.clamp(distance * steps.cone_angle, smallest, steps.largest)
    return ti.max(step, distance * _LEAST_CHANGE)


@func
def step_at(distance: ti.f32, steps: ti.template(), grows: ti.template()) -> ti.f32:
    """The step from ``distance`` to the next sample of a ray; see StepRule. So far away that float32 can't tell the two
    apart it is as much longer as it takes: a march that stands still would never end."""
    return step_no_less_than(steps.smallest, distance, steps, grows)


@func
def weighted_step_at(distance: ti.f32, steps: ti.template(), grows: ti.template()) -> ti.f32:
    """The step by the rule times its density: what an activated density makes an optical depth with. Where steps are
    constant it depends on no distance, so that compositing has none to read."""
    step = steps.smallest
    if ti.static(grows):
        step = step_at(distance, steps, grows) * steps.density
    return step
