"""Camera paths: turntables, files and interpolation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.link.geometry import Bounds, Camera, GeometryError
from engine.rendering.camera_paths import (
    CameraPathError,
    Orbit,
    interpolate,
    load_camera_path,
    save_camera_path,
    turntable,
)

BOUNDS = Bounds(np.array([-1.0, 0.0, 1.0]), np.array([2.0, 1.0, 3.0]))


def project(camera: Camera, points: np.ndarray) -> np.ndarray:
    """World points [n, 3] to pixels [n, 2]."""
    local = (points - camera.position) @ camera.camera_to_world[:3, :3]
    assert (local[:, 2] < 0).all(), "a point lies behind the camera"
    return np.stack(
        [camera.cx - camera.fx * local[:, 0] / local[:, 2], camera.cy + camera.fy * local[:, 1] / local[:, 2]], axis=1
    )


def corners(bounds: Bounds) -> np.ndarray:
    pick = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    return np.where(pick, bounds.maximum, bounds.minimum)


def _meeting(one: Camera, other: Camera) -> float:
    """How far before two cameras that are equally far from the point they look at this point is."""
    return float(
        np.linalg.norm(one.position - other.position)
        / np.linalg.norm(one.camera_to_world[:3, 2] - other.camera_to_world[:3, 2])
    )


class TestTurntable:
    @pytest.mark.parametrize("elevation", [-89.0, 0.0, 20.0, 90.0])
    @pytest.mark.parametrize("size", [(160, 90), (90, 160), (64, 64)])
    def test_the_whole_box_is_in_every_picture(self, elevation: float, size: tuple[int, int]) -> None:
        for camera in turntable(BOUNDS, 8, size, Orbit(math.radians(elevation))):
            pixels = project(camera, corners(BOUNDS))
            assert (pixels >= 0).all() and (pixels <= size).all()
            assert np.abs(project(camera, BOUNDS.center[None])[0] - np.array(size) / 2).max() < 0.15 * min(size)

    def test_poses_are_rotations_with_the_horizon_level(self) -> None:
        for camera in turntable(BOUNDS, 5, (32, 32)):
            rotation = camera.camera_to_world[:3, :3]
            np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
            assert np.linalg.det(rotation) == pytest.approx(1.0)
            assert rotation[2, 0] == pytest.approx(0.0) and rotation[2, 1] > 0

    def test_the_circle_is_even_and_loops(self) -> None:
        cameras = turntable(BOUNDS, 6, (32, 32))
        steps = [np.linalg.norm(cameras[(i + 1) % 6].position - cameras[i].position) for i in range(6)]
        np.testing.assert_allclose(steps, steps[0])

    def test_levels_follow_each_other_from_low_to_high(self) -> None:
        low, high = math.radians(-10.0), math.radians(50.0)
        film = turntable(BOUNDS, 4, (32, 32), Orbit(low, levels=3, top_elevation=high, start=0.3))
        assert len(film) == 12
        target = film[0].position - film[0].camera_to_world[:3, 2] * (radius := _meeting(film[0], film[4]))
        for level, elevation in enumerate((low, (low + high) / 2, high)):
            alone = turntable(BOUNDS, 4, (32, 32), Orbit(elevation, start=0.3))
            for camera, wanted in zip(film[4 * level : 4 * level + 4], alone, strict=True):
                np.testing.assert_allclose(camera.camera_to_world[:3, :3], wanted.camera_to_world[:3, :3], atol=1e-12)
                np.testing.assert_allclose(camera.position - radius * camera.camera_to_world[:3, 2], target, atol=1e-6)

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            ({"levels": 0}, "levels"),
            ({"levels": 3, "top_elevation": 2.0}, "top_elevation"),
            ({"levels": 9999}, "frames"),
        ],
    )
    def test_levels_out_of_range_are_named(self, options: dict[str, Any], word: str) -> None:
        with pytest.raises(GeometryError, match=word):
            turntable(BOUNDS, 4, (32, 32), Orbit(**options))

    @pytest.mark.parametrize(
        ("frames", "width", "height"), [(0, 32, 32), (100_000, 32, 32), (4, 0, 32), (4, 32, 100_000)]
    )
    def test_sizes_out_of_range_are_refused(self, frames: int, width: int, height: int) -> None:
        with pytest.raises(GeometryError):
            turntable(BOUNDS, frames, (width, height))


class TestFiles:
    def test_come_back_exactly(self, tmp_path: Path) -> None:
        cameras = turntable(BOUNDS, 3, (48, 27))
        save_camera_path(tmp_path / "path.json", cameras)
        read = load_camera_path(tmp_path / "path.json")
        assert [camera.to_json() for camera in read] == [camera.to_json() for camera in cameras]

    def test_the_list_may_lie_in_an_object(self, tmp_path: Path) -> None:
        cameras = turntable(BOUNDS, 2, (48, 27))
        (tmp_path / "p.json").write_text(json.dumps({"fps": 24, "cameras": [camera.to_json() for camera in cameras]}))
        assert len(load_camera_path(tmp_path / "p.json")) == 2

    @pytest.mark.parametrize(
        ("content", "word"),
        [("{", "not a JSON"), ("[]", "list of cameras"), ("3", "list of cameras"), ("[4]", "camera 0")],
    )
    def test_what_is_no_path_is_named(self, tmp_path: Path, content: str, word: str) -> None:
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(CameraPathError, match=rf"bad\.json.*{word}"):
            load_camera_path(tmp_path / "bad.json")

    @pytest.mark.parametrize(
        ("field", "value"), [("width", 0), ("height", 100_000), ("fx", 0.0), ("cx", "left"), ("camera_to_world", [[1]])]
    )
    def test_bad_fields_are_named(self, tmp_path: Path, field: str, value: Any) -> None:
        entries = [camera.to_json() for camera in turntable(BOUNDS, 3, (48, 27))]
        entries[1][field] = value
        (tmp_path / "bad.json").write_text(json.dumps(entries))
        with pytest.raises(CameraPathError, match=rf"bad\.json: camera 1: {field}"):
            load_camera_path(tmp_path / "bad.json")

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(CameraPathError, match=r"gone\.json"):
            load_camera_path(tmp_path / "gone.json")


class TestInterpolation:
    def test_passes_through_the_keys(self) -> None:
        keys = turntable(BOUNDS, 5, (48, 27))
        film = interpolate(keys, 9)
        assert len(film) == 9
        for index, key in enumerate(keys):
            np.testing.assert_allclose(film[2 * index].camera_to_world, key.camera_to_world, atol=1e-9)

    def test_stays_near_the_circle_between_them(self) -> None:
        keys = turntable(BOUNDS, 12, (48, 27))
        radius = np.linalg.norm(keys[0].position - BOUNDS.center)
        for camera in interpolate(keys, 100):
            assert np.linalg.norm(camera.position - BOUNDS.center) == pytest.approx(radius, rel=0.01)

    def test_needs_two_keys(self) -> None:
        with pytest.raises(CameraPathError, match="two cameras"):
            interpolate(turntable(BOUNDS, 1, (48, 27)), 5)
