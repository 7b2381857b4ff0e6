"""Pictures of a sphere whose distances are known, against what they must show."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera
from engine.rendering.sphere_tracer import SphereTracer, shade
from tests.engine.fields.test_distance_functions import Ball

SIZE, FOCAL = 64, 4.13


class ShownBall(Ball):
    """One that can be rendered from."""

    def frozen(self) -> ShownBall:
        return ShownBall(self.x, self.radius, self.device)

    @property
    def frozen_bytes(self) -> int:
        return 8

    def gradient(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values, gradients = super().gradient(points.cpu())
        return values.to(points.device), gradients.to(points.device)


def _tracer(device: str, x: float = 0.5) -> SphereTracer:
    """World: a ball of radius 0.8 around (2, 2, 2), or beside it."""
    return SphereTracer(ShownBall(x, 0.2, device), UnitCube(Bounds(np.zeros(3), np.full(3, 4.0))))


def _camera(distance: float = 10.0, size: int = SIZE) -> Camera:
    """From above, down -Z onto the middle."""
    pose = np.eye(4)
    pose[:3, 3] = [2.0, 2.0, 2.0 + distance]
    focal = FOCAL * size
    return Camera(pose, size, size, focal, focal, size / 2, size / 2)


def _rays(camera: Camera) -> tuple[torch.Tensor, torch.Tensor]:
    """Directions [h, w, 3], and the distance at which each meets a ball of radius 0.8 in the middle: NaN: never."""
    y, x = torch.meshgrid(torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij")
    directions = torch.stack([(x - camera.cx) / camera.fx, -(y - camera.cy) / camera.fy, -torch.ones_like(x)], dim=-1)
    directions = torch.nn.functional.normalize(directions.double(), dim=-1)
    away = torch.tensor([0.0, 0.0, 10.0], dtype=torch.float64)
    along = directions @ away
    return directions, -along - (along**2 - 100.0 + 0.8**2).sqrt()


def test_a_ball_is_shown_where_it_is_with_its_depth_and_shade(device: str) -> None:
    camera = _camera()
    picture = _tracer(device).render(camera)
    directions, distances = _rays(camera)
    alpha, is_there = picture.color[..., 3].cpu(), distances.isfinite()
    # A ray that grazes the ball may be taken for one that meets it.
    nearest = 10.0 * (1.0 - directions[..., 2] ** 2).sqrt()
    assert ((alpha == 1.0) == is_there)[(nearest - 0.8).abs() > 0.01].all()
    assert set(alpha.unique().tolist()) == {0.0, 1.0}
    both = (alpha == 1.0) & is_there
    planar = distances * -directions[..., 2]
    assert (picture.depth.cpu()[both] - planar[both]).abs().max() < 0.01
    assert picture.depth.cpu()[alpha == 0.0].isinf().all()
    hits = directions * distances[..., None] + torch.tensor([0.0, 0.0, 10.0])
    wanted = shade((hits[both] / 0.8).float(), directions[both].float())
    assert (picture.color.cpu()[both][:, :3] - wanted).abs().max() < 0.02


def test_an_offset_shows_a_larger_ball_and_a_union_both(device: str) -> None:
    ball = _tracer(device)

    def covered(tracer: SphereTracer) -> float:
        return float(tracer.render(_camera()).color[..., 3].sum()) * (10.0 / (FOCAL * SIZE)) ** 2

    assert covered(ball) == pytest.approx(math.pi * 0.8**2, rel=0.04)
    assert covered(ball.moved(0.3)) == pytest.approx(math.pi * 1.1**2, rel=0.04)
    assert covered(ball.moved(-0.3)) == pytest.approx(math.pi * 0.5**2, rel=0.06)
    beside = _tracer(device, x=0.3)
    apart, joined = ball.joined(beside, 0.0), ball.joined(beside, 1.0)
    assert covered(ball) < covered(apart) < covered(joined)
    assert covered(ball) == pytest.approx(covered(_tracer(device)))  # it stays as it was


def test_from_inside_the_surface_nothing_is_seen_behind_the_camera(device: str) -> None:
    picture = _tracer(device).render(_camera(distance=0.2, size=8))
    assert (picture.color[..., 3] == 1.0).all() and (picture.depth == 0.0).all()
    inflated = _tracer(device).moved(2.5).render(_camera(size=8))  # out to the corners of the box, 2 above its middle
    assert (inflated.color[..., 3] == 1.0).all()
    assert torch.allclose(inflated.depth, torch.full_like(inflated.depth, 8.0), atol=1e-4)


def test_distances_are_told_in_the_world(device: str) -> None:
    points = np.array([[2.0, 2.0, 2.0], [2.0, 2.0, 3.0], [3.5, 2.0, 2.0]])
    assert _tracer(device).distances_at(points).tolist() == pytest.approx([-0.8, 0.2, 0.7], abs=1e-5)
    assert _tracer(device).moved(0.1).distances_at(points).tolist() == pytest.approx([-0.9, 0.1, 0.6], abs=1e-5)


def test_a_picture_shows_the_field_as_it_is_and_a_frozen_one_as_it_was(device: str) -> None:
    field, generation = ShownBall(0.5, 0.2, device), [0]
    tracer = SphereTracer(field, UnitCube(Bounds(np.zeros(3), np.full(3, 4.0))), lambda: generation[0])
    frozen, before = tracer.frozen(), tracer.render(_camera()).color
    assert tracer.frozen_bytes == 8
    field.radius, generation[0] = 0.3, 1
    after = tracer.render(_camera()).color
    assert after[..., 3].sum() > 1.5 * before[..., 3].sum()
    assert torch.equal(frozen.render(_camera()).color, before)
