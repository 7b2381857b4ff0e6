"""Rays against triangles, through the hierarchy, beside all of them one by one and beside shapes that are known."""

from __future__ import annotations

import math

import pytest
import torch

from taichi_kernels import runtime
from taichi_kernels.bundles import LEAF_TRIANGLES, Rays, SurfaceHits, TriangleTree
from taichi_kernels.surfaces import intersection
from taichi_kernels.surfaces.bvh import build_tree
from taichi_kernels.twins.surfaces import intersection as twin

COUNTS = (1, 3, LEAF_TRIANGLES, LEAF_TRIANGLES + 1, 8 * LEAF_TRIANGLES, 777)


@pytest.fixture(autouse=True)
def _started(device: str) -> None:
    runtime.start(device)


def _soup(count: int, device: str, size: float = 0.3) -> torch.Tensor:
    """Triangles [count, 3, 3] all over the unit cube, in every direction."""
    generator = torch.Generator().manual_seed(count)
    middles = torch.rand(count, 1, 3, generator=generator)
    return (middles + size * (torch.rand(count, 3, 3, generator=generator) - 0.5)).to(device)


def _rays(count: int, device: str, seed: int = 1) -> Rays:
    """From around the unit cube through it."""
    generator = torch.Generator().manual_seed(seed)
    origins = 0.5 + 2.0 * torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)
    directions = torch.nn.functional.normalize(torch.rand(count, 3, generator=generator) - origins, dim=1)
    return Rays(origins.to(device), directions.to(device), torch.tensor([[0.0, math.inf]]).repeat(count, 1).to(device))


def _closest(tree: TriangleTree, rays: Rays) -> SurfaceHits:
    hits = SurfaceHits.allocate(len(rays), rays.origins.device)
    intersection.find_closest(tree, rays, hits)
    return hits


def _is_hit(tree: TriangleTree, rays: Rays) -> torch.Tensor:
    is_hit = torch.full((len(rays),), -1, dtype=torch.int32, device=rays.origins.device)
    intersection.find_any(tree, rays, is_hit)
    return is_hit


def _straight(origins: list[list[float]], direction: tuple[float, float, float], device: str) -> Rays:
    starts = torch.tensor(origins, device=device)
    directions = torch.tensor([direction], device=device).repeat(len(starts), 1)
    return Rays(starts, directions, torch.tensor([[0.0, math.inf]], device=device).repeat(len(starts), 1))


@pytest.mark.parametrize("count", COUNTS)
def test_the_nearest_triangle_is_that_of_the_twin(count: int, device: str) -> None:
    corners = _soup(count, device)
    tree, rays = build_tree(corners), _rays(2000, device)
    found, wanted = _closest(tree, rays), SurfaceHits.allocate(2000, device)
    twin.find_closest(tree, rays, wanted)
    # A ray through an edge may meet either side of it, or neither, by rounding.
    is_same = found.hit_triangles == wanted.hit_triangles
    assert (~is_same).sum() <= 2
    assert (wanted.hit_triangles[is_same] >= 0).any()
    assert torch.allclose(found.distances[is_same], wanted.distances[is_same], atol=1e-4)
    met = is_same & (wanted.hit_triangles >= 0)
    first, second, third = corners[found.hit_triangles[met].long()].unbind(1)
    u, v = found.barycentrics[met].unbind(1)
    at = first + u[:, None] * (second - first) + v[:, None] * (third - first)
    along = rays.origins[met] + found.distances[met, None] * rays.directions[met]
    assert torch.allclose(at, along, atol=1e-4)


@pytest.mark.parametrize("count", COUNTS)
def test_there_is_a_hit_where_there_is_a_nearest_one(count: int, device: str) -> None:
    tree, rays = build_tree(_soup(count, device)), _rays(2000, device)
    assert torch.equal(_is_hit(tree, rays) == 1, _closest(tree, rays).hit_triangles >= 0)
    rays.t_range[:, 1] = torch.rand(2000, device=device) * 2.0
    wanted = torch.empty(2000, dtype=torch.int32, device=device)
    twin.find_any(tree, rays, wanted)
    assert (_is_hit(tree, rays) != wanted).sum() <= 2


def test_only_what_is_within_a_rays_limits_is_met(device: str) -> None:
    tree = build_tree(_soup(777, device))
    rays = _rays(2000, device)
    first = _closest(tree, rays).distances
    met = first.isfinite()
    rays.t_range[:, 1] = torch.where(met, first * (1.0 - 1e-5), 1e9)
    assert not _is_hit(tree, rays)[met].any()
    rays.t_range[:, 0], rays.t_range[:, 1] = torch.where(met, first * (1.0 + 1e-5), 0.0), math.inf
    behind = _closest(tree, rays).distances[met]
    assert (behind > first[met]).all() and behind.isfinite().any()
    rays.t_range[:, 0], rays.t_range[:, 1] = 1.0, 1.0
    assert not _is_hit(tree, rays).any()


def test_distances_are_in_lengths_of_the_direction(device: str) -> None:
    tree, rays = build_tree(_soup(50, device)), _rays(500, device)
    ones = _closest(tree, rays).distances
    rays.directions.mul_(2.0)
    assert torch.allclose(_closest(tree, rays).distances * 2.0, ones, atol=1e-4)


def test_rays_along_an_axis_meet_a_wall_that_is_flat(device: str) -> None:
    """Boxes without thickness, directions with zeros."""
    steps = torch.arange(8.0)
    y, z = (each.reshape(-1) for each in torch.meshgrid(steps, steps, indexing="ij"))
    x = torch.full_like(y, 2.0)
    low = torch.stack([torch.stack([x, y + dy, z + dz], dim=1) for dy, dz in ((0, 0), (1, 0), (0, 1))], dim=1)
    high = torch.stack([torch.stack([x, y + dy, z + dz], dim=1) for dy, dz in ((1, 1), (1, 0), (0, 1))], dim=1)
    tree = build_tree(torch.cat([low, high]).to(device))
    places = [[0.0, 0.3 + i, 0.4 + j] for i in range(8) for j in range(8)]
    hits = _closest(tree, _straight(places, (1.0, 0.0, 0.0), device))
    assert torch.allclose(hits.distances, torch.full_like(hits.distances, 2.0))
    assert len(hits.hit_triangles.unique()) == 64
    assert not _is_hit(tree, _straight(places, (-1.0, 0.0, 0.0), device)).any()
    assert not _is_hit(tree, _straight(places, (0.0, 1.0, 0.0), device)).any()  # beside the wall


def test_no_ray_gets_through_between_triangles_that_share_an_edge(device: str) -> None:
    """Towards places on the edges, from all around."""
    steps = torch.linspace(0.0, 1.0, 33)
    y, z = torch.meshgrid(steps, steps, indexing="ij")
    points = torch.stack([0.5 + 0.1 * torch.sin(7.0 * y + 5.0 * z), y, z], dim=-1)
    a, b, c, d = (points[i : 32 + i, j : 32 + j].reshape(-1, 3) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1)))
    tree = build_tree(torch.cat([torch.stack([a, b, c], dim=1), torch.stack([a, c, d], dim=1)]).to(device))
    shares = torch.linspace(0.0, 1.0, 9)[:, None, None]
    # Those along the wall's rim have no neighbour.
    inner = (a[:, 1:].min(dim=1).values > 0.01) & (c[:, 1:].max(dim=1).values < 0.99)
    targets = torch.cat([torch.lerp(a[inner], end[inner], shares).reshape(-1, 3) for end in (b, c, d)])
    origins = torch.tensor([[5.0, 0.3, 0.6], [2.0, 0.5, 0.5], [-3.0, 0.9, 0.2]]).repeat_interleave(len(targets), dim=0)
    directions = torch.nn.functional.normalize(targets.repeat(3, 1) - origins, dim=1)
    limits = torch.tensor([[0.0, math.inf]]).repeat(len(origins), 1)
    assert _is_hit(tree, Rays(origins.to(device), directions.to(device), limits.to(device))).all()


def test_triangles_in_one_place_and_without_area_are_no_trouble(device: str) -> None:
    one = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    line = torch.tensor([[0.0, 0.0, 0.5], [1.0, 1.0, 0.5], [2.0, 2.0, 0.5]])
    tree = build_tree(torch.stack([one] * 50 + [line] * 50 + [line[:1].repeat(3, 1)] * 50).to(device))
    hits = _closest(tree, _straight([[0.2, 0.2, 0.0], [0.9, 0.9, 0.0]], (0.0, 0.0, 1.0), device))
    assert hits.distances.tolist() == pytest.approx([1.0, math.inf])
    assert 0 <= int(hits.hit_triangles[0]) < 50 and int(hits.hit_triangles[1]) == -1


def test_without_triangles_nothing_is_met(device: str) -> None:
    tree, rays = build_tree(torch.zeros(0, 3, 3, device=device)), _rays(100, device)
    assert not _is_hit(tree, rays).any()
    assert _closest(tree, rays).distances.isinf().all()


def test_far_from_the_origin_and_at_any_size_hits_are_the_same(device: str) -> None:
    corners, rays = _soup(200, device), _rays(500, device)
    near = _closest(build_tree(corners), rays)
    moved = Rays(rays.origins * 1e3 + 500.0, rays.directions, rays.t_range)
    far = _closest(build_tree(corners * 1e3 + 500.0), moved)
    assert (near.hit_triangles != far.hit_triangles).float().mean() < 0.01


def test_each_triangle_is_in_one_leaf_and_in_all_boxes_above_it(device: str) -> None:
    corners = _soup(333, device)
    tree = build_tree(corners)
    listed = tree.triangles[tree.triangles >= 0]
    assert torch.equal(listed.sort().values.cpu(), torch.arange(333, dtype=torch.int32))
    rows = (tree.triangles >= 0).nonzero()[:, 0]
    nodes = tree.leaves + rows // LEAF_TRIANGLES
    own = corners[tree.triangles[rows].long()]
    while bool((nodes > 0).all()):
        low, high = tree.boxes[nodes, :3], tree.boxes[nodes, 3:]
        assert (own >= low[:, None]).all() and (own <= high[:, None]).all()
        nodes = nodes // 2


def test_neighbours_are_in_one_leaf(device: str) -> None:
    """Or boxes would be as large as all there is, and every ray would meet every triangle."""
    tree = build_tree(_soup(4000, device, size=0.02))
    leaves = tree.boxes[tree.leaves :]
    sizes = (leaves[:, 3:] - leaves[:, :3]).amax(dim=1)
    assert sizes[sizes > 0.0].mean() < 0.2


def test_a_corner_that_is_no_number_is_refused(device: str) -> None:
    corners = _soup(5, device)
    corners[3, 1, 2] = math.nan
    with pytest.raises(ValueError, match="triangle 3 contains NaN"):
        build_tree(corners)
