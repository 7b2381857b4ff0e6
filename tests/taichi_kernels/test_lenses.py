"""Where points are seen, against the rays that the kernels make: the pixel that a ray comes from is where its points
are, for every lens."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Camera
from taichi_kernels.bundles import Rays
from taichi_kernels.rays import generate_camera_rays
from taichi_kernels.torch_functions.lenses import project
from tests.scenes import as_fisheye, sphere_bounds, sphere_cameras

WIDTH, HEIGHT = 24, 18
CUBE = UnitCube(sphere_bounds())
PINHOLE = dataclasses.replace(sphere_cameras(3, 32)[1], width=WIDTH, height=HEIGHT, fx=30.0, fy=21.0, cx=10.5, cy=8.0)
DISTORTED = dataclasses.replace(PINHOLE, k1=-0.2, k2=0.06, p1=0.01, p2=-0.015)
LENSES = {
    "pinhole": PINHOLE,
    "distorted": DISTORTED,
    "fisheye": dataclasses.replace(as_fisheye(PINHOLE), fx=17.0, fy=15.0),
}


def _row(camera: Camera, device: str) -> torch.Tensor:
    return CUBE.inverse_camera_row(camera, device)


@pytest.mark.parametrize("lens", LENSES)
def test_points_on_a_pixels_ray_are_seen_at_the_middle_of_the_pixel(lens: str, device: str) -> None:
    camera = LENSES[lens]
    rays, cosines = Rays.allocate(WIDTH * HEIGHT, device), torch.empty(WIDTH * HEIGHT, device=device)
    generate_camera_rays(0, WIDTH, CUBE.camera_row(camera, device), CUBE.ray_limits(device), rays, cosines)
    for distance in (0.3, 2.0):
        seen = project(rays.origins + distance * rays.directions, _row(camera, device))
        x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
        expected = torch.from_numpy(np.stack([x, y], axis=-1).reshape(-1, 2)).float().to(device)
        assert seen.is_before.all()
        torch.testing.assert_close(seen.places[:, 0], expected, rtol=0.0, atol=2e-3)
        torch.testing.assert_close(-seen.points[:, 0, 2], distance * cosines, rtol=1e-4, atol=1e-5)


def test_each_view_is_projected_into_by_its_own_lens(device: str) -> None:
    rows = torch.cat([_row(camera, device) for camera in LENSES.values()])
    points = torch.rand(50, 3, device=device)
    together = project(points, rows)
    for index in range(len(rows)):
        alone = project(points, rows[index : index + 1])
        assert torch.equal(together.places[:, index], alone.places[:, 0])
        assert torch.equal(together.is_before[:, index], alone.is_before[:, 0])


def test_what_is_behind_a_camera_or_where_its_lens_turns_back_is_not_before_it(device: str) -> None:
    pose = CUBE.to_cube(PINHOLE)
    middle = torch.from_numpy(pose[:, 3] - pose[:, 2]).float()  # a unit length along the axis
    behind = torch.from_numpy(pose[:, 3] + pose[:, 2]).float()
    aside = torch.from_numpy(pose[:, 3] - 0.02 * pose[:, 2] + pose[:, 0]).float()  # 89 degrees off the axis
    turning = dataclasses.replace(PINHOLE, k1=-0.3)
    rows = torch.cat([_row(camera, device) for camera in (PINHOLE, turning, LENSES["fisheye"])])
    seen = project(torch.stack([middle, behind, aside]).to(device), rows)
    assert seen.is_before.tolist() == [[True] * 3, [False] * 3, [True, False, False]]
