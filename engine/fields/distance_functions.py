"""Signed distances to a surface, negative inside: of a field that has learnt them, of surfaces that are moved in or
out, and of two that flow into each other. All in the unit cube of whoever asks, and in its lengths."""

from __future__ import annotations

import dataclasses
from typing import Protocol

import torch

from engine.fields.unit_cube import UnitCube


class PositionField(Protocol):
    """Of CoordinateField and what is asked like one, what a distance needs."""

    device: str

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Values [n, out_dims] at points [n, 3]."""

    def gradient(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Values, and gradients [n, 3] of the first of them."""


class DistanceFunction(Protocol):
    """Signed distances."""

    def distances(self, points: torch.Tensor) -> torch.Tensor:
        """[n] f32, at ``points`` [n, 3] f32."""

    def gradients(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, and their gradients [n, 3], which point outwards and are of about unit length."""


@dataclasses.dataclass(frozen=True, eq=False)
class LearntDistance:
    """What ``field`` says. ``cube``: the one it has learnt in; ``within``: the one that it is asked in, if that is
    another."""

    field: PositionField
    cube: UnitCube
    within: UnitCube | None = None

    def distances(self, points: torch.Tensor) -> torch.Tensor:
        """See DistanceFunction."""
        places, scale, beyond = self._place(points)
        return _add_way(self.field.forward(places)[:, 0] / scale, beyond)

    def gradients(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See DistanceFunction."""
        places, scale, beyond = self._place(points)
        values, gradients = self.field.gradient(places)
        return _add_way(values[:, 0] / scale, beyond), gradients

    def _place(self, points: torch.Tensor) -> tuple[torch.Tensor, float, torch.Tensor | None]:
        """``points`` in the cube it has learnt in, that cube's lengths to one of the other, and how far outside its box
        they lie: no surface is there."""
        if self.within is None:
            return points, 1.0, None
        scale = self.cube.scale / self.within.scale
        shift = (self.within.bounds.center - self.cube.bounds.center) * self.cube.scale
        places = (points - 0.5) * scale + 0.5 + torch.from_numpy(shift).to(points)
        low, high = torch.from_numpy(self.cube.box()).to(points)
        beyond = (places - places.clamp(low, high)).norm(dim=1) / scale
        return places, scale, beyond


def _add_way(distances: torch.Tensor, beyond: torch.Tensor | None) -> torch.Tensor:
    """``distances`` [n] at the nearest places in a box, for points that are ``beyond`` [n] outside it. Seen from such a
    place, what is in the box and the point lie at a right angle at least: their distance is no less than this."""
    if beyond is None:
        return distances
    return torch.hypot(distances.clamp(min=0.0), beyond) + distances.clamp(max=0.0)


@dataclasses.dataclass(frozen=True, eq=False)
class OffsetDistance:
    """A surface moved outwards by ``offset``, or inwards where that is negative: it is inflated and rounded."""

    surface: DistanceFunction
    offset: float

    def distances(self, points: torch.Tensor) -> torch.Tensor:
        """See DistanceFunction."""
        return self.surface.distances(points) - self.offset

    def gradients(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See DistanceFunction."""
        values, gradients = self.surface.gradients(points)
        return values - self.offset, gradients


@dataclasses.dataclass(frozen=True, eq=False)
class SmoothUnion:
    """Two surfaces that flow into each other where they are nearer than about ``radius``: the quadratic polynomial
    smooth minimum (Quilez, "Smooth minimum"); with a radius of 0 their plain union."""

    first: DistanceFunction
    second: DistanceFunction
    radius: float

    def distances(self, points: torch.Tensor) -> torch.Tensor:
        """See DistanceFunction."""
        a, b = self.first.distances(points), self.second.distances(points)
        share = self._share(a, b)
        return torch.lerp(a, b, share) - self.radius * share * (1.0 - share)

    def gradients(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See DistanceFunction."""
        (a, of_a), (b, of_b) = self.first.gradients(points), self.second.gradients(points)
        share = self._share(a, b)
        # What the share itself changes by cancels out.
        return torch.lerp(a, b, share) - self.radius * share * (1.0 - share), torch.lerp(of_a, of_b, share[:, None])

    def _share(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """How much the second surface counts."""
        if self.radius <= 0.0:
            return (b < a).float()
        return (0.5 + 0.5 * (a - b) / self.radius).clamp(0.0, 1.0)
