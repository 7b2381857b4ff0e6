"""What training is told of how views look at a scene."""

from __future__ import annotations

import numpy as np
import pytest

from engine.link.geometry import Bounds, Camera
from engine.link.view_settings import view_settings
from tests.scenes import CENTER, looking_at_center, sphere_cameras

SIZE, FOCAL = 100, 150.0


def box(half: float, center: np.ndarray = CENTER) -> Bounds:
    return Bounds(center - half, center + half)


def test_from_outside_the_distance_is_that_of_the_bounds() -> None:
    settings = view_settings(sphere_cameras(12, SIZE, distance=4.0), box(1.0))
    assert settings["pixels_across"] == pytest.approx(FOCAL * 2.0 / 4.0)
    assert settings["picture_side"] == SIZE


def test_from_among_what_is_captured_it_is_that_of_what_all_look_at() -> None:
    settings = view_settings(sphere_cameras(12, SIZE, distance=4.0), box(30.0))
    assert settings["pixels_across"] == pytest.approx(FOCAL * 60.0 / 4.0)


def test_what_all_look_at_need_not_be_the_middle_of_the_bounds() -> None:
    center = CENTER + np.array([9.0, -5.0, 0.0])
    settings = view_settings(sphere_cameras(12, SIZE, distance=4.0), box(30.0, center))
    assert settings["pixels_across"] == pytest.approx(FOCAL * 60.0 / 4.0)


def turned_away(cameras: list[Camera]) -> list[Camera]:
    return [
        Camera(looking_at_center(2.0 * CENTER - camera.position) @ _at(camera), SIZE, SIZE, FOCAL, FOCAL, 50.0, 50.0)
        for camera in cameras
    ]


def _at(camera: Camera) -> np.ndarray:
    """From a pose on the other side of the centre back to where ``camera`` is."""
    move = np.eye(4)
    move[2, 3] = -2.0 * np.linalg.norm(camera.position - CENTER)
    return move


def test_in_a_room_with_nothing_that_all_look_at_it_is_the_bounds_radius() -> None:
    bounds = box(5.0)
    alone = sphere_cameras(1, SIZE, distance=4.0)
    for cameras in (turned_away(sphere_cameras(12, SIZE, distance=2.0)), alone):
        settings = view_settings(cameras, bounds)
        assert settings["pixels_across"] == pytest.approx(FOCAL * 10.0 / bounds.radius)


def test_what_all_look_at_outside_the_bounds_does_not_count() -> None:
    bounds = box(5.0, CENTER + np.array([6.0, 0.0, 0.0]))
    settings = view_settings(sphere_cameras(12, SIZE, distance=2.0), bounds)
    distances = [np.linalg.norm(camera.position - bounds.center) for camera in sphere_cameras(12, SIZE, distance=2.0)]
    expected = np.median([FOCAL * 10.0 / max(distance, bounds.radius) for distance in distances])
    assert settings["pixels_across"] == pytest.approx(expected)
