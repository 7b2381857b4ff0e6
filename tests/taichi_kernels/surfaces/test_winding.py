"""Inside or outside, of surfaces that are closed, open, nested, turned inside out, and that go through themselves."""

from __future__ import annotations

import pytest
import torch

from taichi_kernels import runtime
from taichi_kernels.surfaces.bvh import build_tree
from taichi_kernels.surfaces.winding import build_moments, find_winding_numbers
from taichi_kernels.twins.surfaces import winding as twin
from tests.taichi_kernels.surfaces.solids import box, sphere

# Dipoles are so far off.
_TOLERANCE = 0.06


@pytest.fixture(autouse=True)
def _started(device: str) -> None:
    runtime.start(device)


def _winding(triangles: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    tree, found = build_tree(triangles), torch.empty(len(points), device=points.device)
    find_winding_numbers(tree, build_moments(tree), points, found)
    return found


def _points(count: int, device: str) -> torch.Tensor:
    return (3.0 * (torch.rand(count, 3, generator=torch.Generator().manual_seed(5)) - 0.5)).to(device)


@pytest.mark.parametrize("open_by", [0, 5, 300])
def test_winding_numbers_are_those_of_the_twin(open_by: int, device: str) -> None:
    triangles, points = sphere()[open_by:].to(device), _points(1000, device)
    tree, wanted = build_tree(triangles), torch.empty(1000, device=device)
    twin.find_winding_numbers(tree, build_moments(tree), points, wanted)
    assert (_winding(triangles, points) - wanted).abs().max() < _TOLERANCE


def test_it_is_one_inside_and_nought_outside(device: str) -> None:
    points = _points(2000, device)
    found = _winding(sphere(rounds=5).to(device), points)
    is_inside = points.norm(dim=1) < 1.0
    assert (found - is_inside.float()).abs().max() < _TOLERANCE
    cube = _winding(
        box().to(device), torch.tensor([[0.5, 0.5, 0.5], [1e-4, 0.5, 0.5], [-1e-4, 0.5, 0.5]], device=device)
    )
    assert cube.tolist() == pytest.approx([1.0, 1.0, 0.0], abs=1e-3)


def test_through_a_hole_it_passes_from_one_to_the_other(device: str) -> None:
    heights = torch.linspace(-2.0, 0.98, 50, device=device)
    points = torch.stack([torch.full_like(heights, 0.5), torch.full_like(heights, 0.5), heights], dim=1)
    found = _winding(box()[2:].to(device), points)
    assert found[0].abs() < 0.1 and found[-1] > 0.9 and (found.diff() > 0.0).all()
    at = int((found - 0.5).abs().argmin())
    assert heights[at].abs() < 0.07  # in the plane of the side that is missing


def test_solids_that_overlap_are_counted_and_a_hollow_is_outside(device: str) -> None:
    points = torch.tensor([[0.0, 0.0, 0.0], [0.75, 0.0, 0.0], [0.0, 1.2, 0.0]], device=device)
    small, large = sphere(0.5).to(device), sphere(1.0).to(device)
    assert _winding(torch.cat([small, large]), points).tolist() == pytest.approx([2.0, 1.0, 0.0], abs=_TOLERANCE)
    turned = small.flip(1)
    assert _winding(torch.cat([turned, large]), points).tolist() == pytest.approx([0.0, 1.0, 0.0], abs=_TOLERANCE)
    moved = large + torch.tensor([1.5, 0.0, 0.0], device=device)
    assert _winding(torch.cat([moved, large]), points).tolist() == pytest.approx([1.0, 2.0, 0.0], abs=_TOLERANCE)


def test_a_surface_that_faces_inwards_counts_negative(device: str) -> None:
    points = _points(200, device)
    outwards, inwards = (_winding(each.to(device), points) for each in (sphere(), sphere().flip(1)))
    assert torch.allclose(outwards, -inwards, atol=1e-5)


def test_without_triangles_nothing_is_inside(device: str) -> None:
    assert (_winding(torch.zeros(0, 3, 3, device=device), _points(10, device)) == 0.0).all()
