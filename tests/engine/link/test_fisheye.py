"""The fisheye lens, against OpenCV's published formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.link import fisheye
from engine.link.geometry import Camera, GeometryError
from engine.link.projection import pixel_directions, project

TERMS = (0.11, -0.025, 0.004, -0.0006)


def _camera(terms: tuple[float, ...] = TERMS) -> Camera:
    k1, k2, k3, k4 = terms
    return Camera(np.eye(4), 800, 600, 240.0, 236.0, 401.0, 297.0, k1, k2, k3=k3, k4=k4, projection="fisheye")


@pytest.mark.parametrize("point", [(0.6, -0.3, 1.0), (-2.0, 3.0, 0.9), (0.0, 0.0, 2.0), (1e-7, 0.0, 1.0)])
def test_a_point_is_seen_where_opencvs_formula_says(point: tuple[float, float, float]) -> None:
    """In OpenCV's camera space: x to the right, y down, z ahead."""
    x, y, z = point
    a, b = x / z, y / z
    r = math.hypot(a, b)
    theta = math.atan(r)
    k1, k2, k3, k4 = TERMS
    theta_d = theta * (1 + k1 * theta**2 + k2 * theta**4 + k3 * theta**6 + k4 * theta**8)
    stretch = theta_d / r if r else 1.0
    expected = [240.0 * stretch * a + 401.0, 236.0 * stretch * b + 297.0]
    (pixel,) = project(_camera(), np.array([[x, -y, -z]]))
    np.testing.assert_allclose(pixel, expected, atol=1e-9)
    np.testing.assert_allclose(pixel_directions(_camera(), *pixel), [a, -b, -1.0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("terms", [(0.0, 0.0, 0.0, 0.0), TERMS, (-0.04, 0.01, -0.005, 0.0008)])
def test_pixels_and_directions_undo_each_other_out_to_the_widest_angle(terms: tuple[float, ...]) -> None:
    camera = _camera(terms)
    reach = fisheye.edge(camera.lens_terms)
    x = camera.cx + camera.fx * np.linspace(-0.999 * reach, 0.999 * reach, 101)
    y = np.full_like(x, camera.cy + 3.0)
    directions = pixel_directions(camera, x, y)
    assert math.degrees(math.atan(np.hypot(directions[:, 0], directions[:, 1]).max())) > 85.0
    np.testing.assert_allclose(project(camera, directions), np.stack([x, y], axis=1), atol=1e-6)


def test_a_polynomial_that_turns_back_ends_there() -> None:
    terms = (-0.5, 0.0, 0.0, 0.0)  # theta (1 - theta^2 / 2): at most 0.544, at 0.816
    assert fisheye.edge(terms) == pytest.approx(2 / 3 * math.sqrt(2 / 3), abs=1e-6)
    assert fisheye.undistorted(np.array([0.5, 0.6]), terms)[1] == pytest.approx(math.sqrt(2 / 3), abs=1e-3)


def test_each_projection_has_terms_of_its_own() -> None:
    camera = _camera()
    assert Camera.from_json(camera.to_json()).lens_terms == TERMS and camera.is_distorted
    with pytest.raises(GeometryError, match="p1: a fisheye camera has no such term"):
        Camera(np.eye(4), 8, 8, 4.0, 4.0, 4.0, 4.0, p1=0.1, projection="fisheye")
    with pytest.raises(GeometryError, match="k3: a pinhole camera has no such term"):
        Camera(np.eye(4), 8, 8, 4.0, 4.0, 4.0, 4.0, k3=0.1)
    with pytest.raises(GeometryError, match="projection: expected pinhole or fisheye, got mercator"):
        Camera.from_json(camera.to_json() | {"projection": "mercator"})
    with pytest.raises(GeometryError, match="projection: expected pinhole or fisheye"):
        Camera.from_json(camera.to_json() | {"projection": ["fisheye"]})
