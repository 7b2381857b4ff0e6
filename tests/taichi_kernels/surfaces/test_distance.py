"""Points against triangles, through the hierarchy, beside all of them one by one and beside solids that are known."""

from __future__ import annotations

import math

import pytest
import torch

from taichi_kernels import runtime
from taichi_kernels.bundles import LEAF_TRIANGLES
from taichi_kernels.surfaces.bvh import build_tree
from taichi_kernels.surfaces.distance import find_distances
from taichi_kernels.twins.surfaces import distance as twin
from tests.taichi_kernels.surfaces.solids import box, sphere


@pytest.fixture(autouse=True)
def _started(device: str) -> None:
    runtime.start(device)


def _distances(triangles: torch.Tensor, points: torch.Tensor, limit: float = math.inf) -> torch.Tensor:
    found = torch.full((len(points),), limit, device=points.device)
    find_distances(build_tree(triangles), points, found)
    return found


def _points(count: int, device: str, size: float = 3.0) -> torch.Tensor:
    return (size * (torch.rand(count, 3, generator=torch.Generator().manual_seed(3)) - 0.5)).to(device)


@pytest.mark.parametrize("count", [1, LEAF_TRIANGLES, LEAF_TRIANGLES + 1, 777])
def test_distances_are_those_of_the_twin(count: int, device: str) -> None:
    triangles = torch.rand(count, 3, 3, generator=torch.Generator().manual_seed(count)).to(device)
    points, wanted = _points(1000, device), torch.full((1000,), math.inf, device=device)
    twin.find_distances(build_tree(triangles), points, wanted)
    assert torch.allclose(_distances(triangles, points), wanted, atol=1e-6)


def test_to_a_cube_it_is_the_known_one_to_sides_edges_and_corners(device: str) -> None:
    points = torch.tensor([[0.5, 0.5, 0.9], [0.5, 0.5, 3.0], [2.0, 2.0, 0.5], [2.0, 2.0, 2.0], [1.0, 0.3, 0.2]])
    wanted = torch.tensor([0.1, 2.0, math.sqrt(2.0), math.sqrt(3.0), 0.0])
    assert torch.allclose(_distances(box().to(device), points.to(device)).cpu(), wanted, atol=1e-6)


def test_to_a_sphere_it_is_known(device: str) -> None:
    points = _points(500, device)
    off = _distances(sphere(rounds=5).to(device), points) - (points.norm(dim=1) - 1.0).abs()
    assert off.abs().max() < 2e-3


def test_what_is_farther_away_than_its_limit_keeps_it(device: str) -> None:
    triangles, points = sphere().to(device), _points(500, device)
    whole, limited = _distances(triangles, points), _distances(triangles, points, 0.3)
    assert torch.equal(limited, whole.clamp(max=0.3)) and (whole > 0.3).any() and (whole < 0.3).any()


def test_triangles_without_area_are_their_edges(device: str) -> None:
    line = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    points = torch.tensor([[1.5, 1.0, 0.0], [3.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], device=device)
    assert _distances(line[None].to(device), points).tolist() == pytest.approx([1.0, 1.0, 1.0])
    dot = torch.zeros(1, 3, 3, device=device)
    assert _distances(dot, points).tolist() == pytest.approx([math.hypot(1.5, 1.0), 3.0, 1.0])


def test_without_triangles_there_is_no_distance(device: str) -> None:
    assert _distances(torch.zeros(0, 3, 3, device=device), _points(10, device)).isinf().all()
