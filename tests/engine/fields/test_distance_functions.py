"""Surfaces that are moved, placed elsewhere and joined, against spheres whose distances are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from engine.fields.distance_functions import DistanceFunction, LearntDistance, OffsetDistance, SmoothUnion
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds


@dataclasses.dataclass
class Ball:
    """A field that knows the distance to a sphere in the unit cube."""

    x: float = 0.5
    radius: float = 0.2
    device: str = "cpu"

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.gradient(points)[0]

    def gradient(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        away = points - torch.tensor([self.x, 0.5, 0.5])
        return away.norm(dim=1, keepdim=True) - self.radius, torch.nn.functional.normalize(away, dim=1)


def _cube(low: float, size: float) -> UnitCube:
    return UnitCube(Bounds(np.full(3, low), np.full(3, low + size)))


@pytest.fixture
def points() -> torch.Tensor:
    return torch.rand(200, 3, generator=torch.Generator().manual_seed(1))


def _union(radius: float) -> SmoothUnion:
    cube = _cube(0.0, 1.0)
    return SmoothUnion(LearntDistance(Ball(0.3), cube), LearntDistance(Ball(0.7), cube), radius)


@pytest.mark.parametrize("surface", [_union(0.0), _union(0.15), OffsetDistance(_union(0.1), 0.05)])
def test_gradients_are_those_of_the_distances(surface: DistanceFunction, points: torch.Tensor) -> None:
    values, gradients = surface.gradients(points)
    assert torch.equal(values, surface.distances(points))
    step = 1e-3
    for axis in range(3):
        there, back = points.clone(), points.clone()
        there[:, axis] += step
        back[:, axis] -= step
        slope = (surface.distances(there) - surface.distances(back)) / (2.0 * step)
        # Where the nearer of two surfaces changes there is no gradient.
        assert (slope - gradients[:, axis]).abs().quantile(0.97) < 2e-3


def test_a_union_is_the_nearer_surface_and_a_smooth_one_fills_the_gap(points: torch.Tensor) -> None:
    cube = _cube(0.0, 1.0)
    both = torch.minimum(*(LearntDistance(Ball(x), cube).distances(points) for x in (0.3, 0.7)))
    assert torch.allclose(_union(0.0).distances(points), both)
    smooth = _union(0.2).distances(points)
    assert (smooth <= both + 1e-6).all() and (both - smooth).max() <= 0.05 + 1e-6
    between = torch.tensor([[0.5, 0.5, 0.5]])
    assert _union(0.0).distances(between) == pytest.approx(0.0, abs=1e-6)
    assert _union(0.2).distances(between) == pytest.approx(-0.05, abs=1e-6)


def test_an_offset_inflates(points: torch.Tensor) -> None:
    ball = LearntDistance(Ball(radius=0.2), _cube(0.0, 1.0))
    larger = LearntDistance(Ball(radius=0.3), _cube(0.0, 1.0))
    assert torch.allclose(OffsetDistance(ball, 0.1).distances(points), larger.distances(points), atol=1e-6)


def test_in_another_cube_a_surface_is_where_it_is_in_the_world(points: torch.Tensor) -> None:
    """World: a ball of radius 1 around (1, 1, 1)."""
    own, asked = _cube(-1.5, 5.0), _cube(0.0, 4.0)
    placed = LearntDistance(Ball(radius=0.2), own, asked)
    world = points * 4.0
    is_near = ((world - 1.0).abs() < 2.5).all(dim=1)
    wanted = ((world - 1.0).norm(dim=1) - 1.0) / 4.0
    values, gradients = placed.gradients(points)
    assert torch.allclose(values[is_near], wanted[is_near], atol=1e-5)
    assert (values[~is_near] > 0.0).all() and (~is_near).any()
    away = torch.nn.functional.normalize(world - 1.0, dim=1)
    assert torch.allclose(gradients[is_near], away[is_near], atol=1e-4)
