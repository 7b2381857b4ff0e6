"""World to unit cube and back."""

from __future__ import annotations

import numpy as np
import pytest

from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds, Camera


@pytest.mark.parametrize(
    ("minimum", "maximum"),
    [((-1, -1, -1), (1, 1, 1)), ((0, 0, 0), (4, 2, 1)), ((9999, -3, 1e-3), (9999.5, -2.9, 2e-3))],
)
def test_the_box_is_centred_and_its_longest_edge_is_one(minimum: tuple[float, ...], maximum: tuple[float, ...]) -> None:
    cube = UnitCube(Bounds(np.array(minimum, float), np.array(maximum, float)))
    box = cube.box()
    np.testing.assert_allclose(box.mean(0), 0.5, atol=1e-6)
    np.testing.assert_allclose((box[1] - box[0]).max(), 1.0, atol=1e-6)
    np.testing.assert_allclose(box[1] - box[0], cube.bounds.size * cube.scale, atol=1e-6)


def test_camera_row_and_its_inverse_undo_each_other() -> None:
    cube = UnitCube(Bounds(np.array([1.0, 2.0, 3.0]), np.array([4.0, 4.0, 4.0])))
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation * [2.0, 0.5, 3.0], [7.0, -1.0, 2.0]  # a scaled camera is still a camera
    camera = Camera(pose, 8, 6, 10.0, 11.0, 4.0, 3.0, 0.1, 0.2, 0.3, 0.4)
    row, inverse = cube.camera_row(camera, "cpu")[0].double(), cube.inverse_camera_row(camera, "cpu")[0].double()
    matrices = [np.vstack([values[:12].view(3, 4).numpy(), [0, 0, 0, 1]]) for values in (row, inverse)]
    np.testing.assert_allclose(matrices[0] @ matrices[1], np.eye(4), atol=1e-6)
    np.testing.assert_allclose(matrices[0][:3, :3], rotation, atol=1e-6)
    np.testing.assert_allclose(row[12:], [10, 11, 4, 3, 0.1, 0.2, 0.3, 0.4, 0], rtol=1e-6)
    assert (row[12:] == inverse[12:]).all()


def test_growth_makes_the_cube_larger_than_the_bounds_about_the_same_middle() -> None:
    bounds = Bounds(np.array([0.0, 0.0, 0.0]), np.array([4.0, 2.0, 1.0]))
    plain, grown = UnitCube(bounds), UnitCube(bounds, 8)
    assert grown.scale == plain.scale / 8
    assert grown.box().tolist() == [[0.0] * 3, [1.0] * 3]
    camera = Camera(np.eye(4), 8, 6, 10.0, 11.0, 4.0, 3.0)
    np.testing.assert_allclose(grown.to_cube(camera)[:, 3] - 0.5, (plain.to_cube(camera)[:, 3] - 0.5) / 8)
