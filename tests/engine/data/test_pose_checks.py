"""Pictures and poses that don't belong together, told by silhouettes and by photographs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.data.formats import load_dataset
from tests.engine.data.balls import orbit, write_balls
from tests.engine.data.rooms import ring, write_photographs
from tests.engine.data.scenes import warning_about, write_json

TURN = np.diag([1.0, -1.0, -1.0, 1.0])


def scaled(pose: np.ndarray, factor: float) -> np.ndarray:
    """The same way from elsewhere."""
    moved = pose.copy()
    moved[:3, 3] *= factor
    return moved


def turned(degrees: float) -> np.ndarray:
    """About the camera's x axis."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[1, 0, 0, 0], [0, cosine, -sine, 0], [0, sine, cosine, 0], [0, 0, 0, 1.0]])


class TestSilhouettes:
    @pytest.mark.parametrize("count", [6, 12, 40])
    def test_what_fits_is_not_told(self, tmp_path: Path, count: int) -> None:
        write_balls(tmp_path / "transforms.json", orbit(count))
        assert load_dataset(tmp_path).warnings == []

    @pytest.mark.parametrize(("shift", "word"), [(1, "next"), (-1, "previous")])
    def test_pictures_of_another_frame_are_told(self, tmp_path: Path, shift: int, word: str) -> None:
        cameras = [orbit(16)[at] for at in np.random.default_rng(0).permutation(16)]  # else it would be a turn of all
        poses = [camera.camera_to_world for camera in cameras]
        write_balls(tmp_path / "transforms.json", cameras, poses[-shift:] + poses[:-shift])
        (warning,) = load_dataset(tmp_path).warnings
        assert "silhouettes of 16 training views fit each other to" in warning and f"{word} frames" in warning
        assert "to 100% by those" in warning and "correct file_path or transform_matrix" in warning

    @pytest.mark.parametrize("factor", [0.5, 2.0, 10.0])
    def test_a_part_of_the_poses_in_another_scale_is_told(self, tmp_path: Path, factor: float) -> None:
        cameras = orbit(16)
        poses = [scaled(c.camera_to_world, factor if at >= 12 else 1.0) for at, c in enumerate(cameras)]
        write_balls(tmp_path / "transforms.json", cameras, poses)
        told = warning_about(load_dataset(tmp_path), "doesn't fit those of the others")
        assert "of 16, first transforms_" in told and "several scales" in told

    @pytest.mark.parametrize("degrees", [20.0, 180.0])
    def test_a_camera_that_was_turned_is_told_by_name(self, tmp_path: Path, degrees: float) -> None:
        cameras = orbit(16)
        poses = [camera.camera_to_world for camera in cameras]
        poses[5] = poses[5] @ turned(degrees)
        write_balls(tmp_path / "transforms.json", cameras, poses)
        told = warning_about(load_dataset(tmp_path), "doesn't fit those of the others")
        assert "(1 of 16, first transforms_05: " in told and "transform_matrix" in told


class TestTestLists:
    @staticmethod
    def write(folder: Path, change: Callable[[np.ndarray], np.ndarray], depth: bool = False) -> None:
        write_balls(folder / "transforms_train.json", orbit(14), depth=depth)
        cameras = orbit(5, 0.4)
        write_balls(folder / "transforms_test.json", cameras, [change(c.camera_to_world) for c in cameras], depth=depth)

    def require_right(self, folder: Path) -> str:
        dataset = load_dataset(folder)
        assert (len(dataset.train), len(dataset.test)) == (14, 5)
        for views, cameras in ((dataset.train, orbit(14)), (dataset.test, orbit(5, 0.4))):
            for view, camera in zip(views, cameras, strict=True):
                np.testing.assert_allclose(view.camera.camera_to_world, camera.camera_to_world, atol=1e-6)
        return " ".join(dataset.warnings)

    def test_what_fits_is_not_told(self, tmp_path: Path) -> None:
        self.write(tmp_path, lambda pose: pose)
        assert self.require_right(tmp_path) == ""

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda pose: pose @ TURN, "have other axes than those of the training views"),
            (np.linalg.inv, "lead from the world to the camera"),
            (lambda pose: scaled(pose, 2.0), "in another unit, 0.5 times as large"),
            (lambda pose: scaled(pose, 0.01), "in another unit, 100 times as large"),
        ],
    )
    def test_other_conventions_than_those_of_the_training_list(
        self, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], words: str
    ) -> None:
        self.write(tmp_path, change)
        told = self.require_right(tmp_path)
        assert "transforms_test.json: the poses of its 5 test views are taken to" in told and words in told
        assert "both lists" in told

    def test_of_photographs_are_told_and_left_as_they_are(self, tmp_path: Path) -> None:
        for name, cameras, turn in (("train", ring(12, 2.0, 0.0), np.eye(4)), ("test", ring(7, 1.9, 0.0), TURN)):
            folder = tmp_path / name
            folder.mkdir()
            path = write_photographs(folder, cameras)
            values = json.loads(path.read_text())
            path.unlink()
            for frame in values["frames"]:
                frame["file_path"] = f"{name}/{frame['file_path']}"
                frame["transform_matrix"] = (np.array(frame["transform_matrix"]) @ turn).tolist()
            write_json(tmp_path / f"transforms_{name}.json", values)
        dataset = load_dataset(tmp_path)
        told = warning_about(dataset, "7 test views")
        assert "don't fit those of the training views: taken to have other axes" in told and "agree more" in told
        for view, camera in zip(dataset.test, ring(7, 1.9, 0.0), strict=True):
            np.testing.assert_allclose(view.camera.camera_to_world, camera.camera_to_world @ TURN, atol=1e-9)
