"""Shapes and things: closed where they are solid, the right way out, and the same for one seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.priors.scenes import shapes
from engine.priors.scenes.compositions import MADE
from engine.priors.scenes.mesh import Mesh, join
from engine.priors.scenes.things import SOLID, THIN, Recipe, displace

RECIPES = sorted(set((*SOLID, *THIN, *MADE)), key=lambda recipe: recipe.__name__)


def _volume(mesh: Mesh) -> float:
    first, second, third = mesh.corners.unbind(1)
    return float((first * torch.linalg.cross(second, third)).sum() / 6.0)


def _open_edges(mesh: Mesh) -> int:
    """Edges of which the other way round is in no face, vertices in one place being one."""
    _, same = mesh.vertices.mul(1e4).round().long().unique(dim=0, return_inverse=True)
    faces = same[mesh.faces]
    edges = {(int(a), int(b)) for face in faces for a, b in (face[[0, 1]], face[[1, 2]], face[[2, 0]]) if a != b}
    return sum((b, a) not in edges for a, b in edges)


@pytest.mark.parametrize(
    ("mesh", "volume"),
    [
        (shapes.superquadric(1.0, 1.0, 65, 128), 4.0 / 3.0 * math.pi),
        (shapes.box(1.0, 2.0, 3.0), 6.0),
        (shapes.sweep(shapes.circle(128), [(0.0, 0.0), (1.0, 0.0), (0.0, 3.0)]), math.pi),
        (shapes.tube(torch.tensor([[0.0, 0.0, 0.0], [0.0, 3.0, 0.0]]), 0.5, sides=128), 0.75 * math.pi),
        (shapes.radial(lambda directions: torch.full_like(directions[:, 0], 2.0)), 32.0 / 3.0 * math.pi),
    ],
    ids=["sphere", "box", "cone", "tube", "radial"],
)
def test_a_shape_is_closed_the_right_way_out_and_as_large_as_it_should_be(mesh: Mesh, volume: float) -> None:
    assert _open_edges(mesh) == 0
    assert _volume(mesh) == pytest.approx(volume, rel=0.01)


def test_a_closed_tube_is_a_torus() -> None:
    ring = torch.cat([shapes.circle(128), torch.zeros(128, 1)], dim=1)
    mesh = shapes.tube(ring, 0.25, is_closed=True, sides=64)
    assert _open_edges(mesh) == 0
    assert _volume(mesh) == pytest.approx(2.0 * math.pi**2 * 0.25**2, rel=0.01)


def test_what_moves_a_mesh_moves_it_so() -> None:
    mesh = shapes.box(1.0, 2.0, 4.0)
    moved = mesh.turn(2, math.pi / 2).scale(2.0, 1.0, 1.0).move(5.0, 0.0, 0.0)
    assert moved.low.tolist() == pytest.approx([3.0, -0.5, -2.0], abs=1e-5)
    assert moved.high.tolist() == pytest.approx([7.0, 0.5, 2.0], abs=1e-5)
    assert torch.equal(moved.rest, mesh.rest) and torch.equal(moved.settle().rest, moved.vertices)
    both = join([mesh, moved])
    assert _volume(both) == pytest.approx(_volume(mesh) + _volume(moved), rel=1e-4)


def test_shading_is_smooth_on_a_ball_and_sharp_at_a_boxs_edges() -> None:
    ball, cube = shapes.superquadric(1.0, 1.0, 49, 96), shapes.box()
    assert ((ball.corner_normals - ball.corners).norm(dim=-1) < 0.05).all()
    assert (cube.corner_normals.abs().amax(dim=-1) > 0.999).all()


def test_displacement_moves_along_the_normals_by_no_more_than_its_strength() -> None:
    ball = shapes.superquadric(1.0, 1.0)
    lengths = displace(ball, np.random.default_rng(0), 0.2, 2.0).vertices.norm(dim=1)
    assert lengths.std() > 0.01 and (lengths - 1.0).abs().max() < 0.2


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.__name__)
def test_a_recipe_makes_a_thing_and_the_same_seed_the_same_thing(recipe: Recipe) -> None:
    for seed in range(6):
        parts, again = recipe(np.random.default_rng(seed)), recipe(np.random.default_rng(seed))
        assert {slot for _, slot in parts} <= {0, 1, 2}
        for (mesh, slot), (other, other_slot) in zip(parts, again, strict=True):
            assert torch.equal(mesh.vertices, other.vertices) and slot == other_slot
            assert mesh.vertices.isfinite().all() and mesh.corner_normals.isfinite().all()
            assert len(mesh.faces) and mesh.vertices.dtype == mesh.rest.dtype == torch.float32
            assert int(mesh.faces.max()) < len(mesh.vertices) == len(mesh.rest)
        size = torch.stack([mesh.high for mesh, _ in parts]).amax(0) - torch.stack([m.low for m, _ in parts]).amin(0)
        assert 0.2 < float(size.amax()) < 30.0


@pytest.mark.parametrize("recipe", sorted(set(SOLID), key=lambda recipe: recipe.__name__), ids=lambda r: r.__name__)
def test_what_is_solid_is_the_right_way_out(recipe: Recipe) -> None:
    for seed in range(4):
        assert _volume(recipe(np.random.default_rng(seed))[0][0]) > 0.0
