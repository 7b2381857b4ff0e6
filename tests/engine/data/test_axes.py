"""Whose axes poses have: as a file says, or as its pictures agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data.formats import DatasetError, load_dataset
from engine.data.importing import import_dataset
from tests.engine.data.rooms import CAMERAS, SIZE, ring, wall, write_photographs
from tests.engine.data.scenes import TEST_OFFSET, orbit_camera, write_json, write_nerf_synthetic, write_transforms

TURN = np.diag([1.0, -1.0, -1.0, 1.0])
Y_UP = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])


def turn_frames(path: Path, world: np.ndarray | None = None, is_opencv: bool = True) -> None:
    """Rewrite the poses of a list with OpenCV's axes, in another ``world``."""
    values = json.loads(path.read_text())
    for frame in values["frames"]:
        pose = np.eye(4) if world is None else world
        pose = pose @ np.array(frame["transform_matrix"]) @ (TURN if is_opencv else np.eye(4))
        frame["transform_matrix"] = pose.tolist()
    write_json(path, values)


def about_axes(warnings: list[str]) -> list[str]:
    return [warning for warning in warnings if "camera_axes" in warning]


class TestStated:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("camera_axes", "opencv"),
            ("camera_axes", "OpenCV"),
            ("camera_convention", "opencv"),
            ("pose_convention", "COLMAP"),
            ("coordinate_system", "RDF"),
        ],
    )
    def test_opencvs_are_turned(self, tmp_path: Path, field: str, value: str) -> None:
        write_transforms(tmp_path, aabb_scale=1, **{field: value})
        turn_frames(tmp_path / "transforms.json")
        dataset = load_dataset(tmp_path)
        assert dataset.warnings == []
        for index, view in enumerate(dataset.train):
            np.testing.assert_allclose(view.camera.camera_to_world, orbit_camera(index, 4).camera_to_world, atol=1e-12)

    def test_what_is_said_goes_before_what_pictures_tell(self, tmp_path: Path) -> None:
        path = write_photographs(tmp_path, CAMERAS["around"](), camera_axes="opengl")
        turn_frames(path)
        dataset = load_dataset(tmp_path)
        assert dataset.warnings == []
        wanted = CAMERAS["around"]()[0].camera_to_world @ TURN
        np.testing.assert_allclose(dataset.train[0].camera.camera_to_world, wanted, atol=1e-12)

    def test_another_word_is_refused(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, camera_axes="up")
        with pytest.raises(DatasetError, match="camera_axes: expected opengl or opencv, got 'up'"):
            load_dataset(tmp_path)

    def test_other_programs_words_are_only_named(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, coordinate_system={"up": "z"}, convention="metric")
        (warning,) = load_dataset(tmp_path).warnings
        assert "2 values" in warning and "coordinate_system" in warning and "convention" in warning

    def test_an_imported_capture_says_it(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        turn_frames(write_photographs(tmp_path / "data", CAMERAS["around"]()))
        imported = import_dataset(tmp_path / "data", tmp_path / "capture")
        assert len(about_axes(imported.warnings)) == 1
        dataset = load_dataset(tmp_path / "capture")
        assert about_axes(dataset.warnings) == []
        wanted = CAMERAS["around"]()[0].camera_to_world
        np.testing.assert_allclose(dataset.train[0].camera.camera_to_world, wanted, atol=1e-9)


class TestTwoLists:
    @pytest.mark.parametrize("stated", ["train", "test"])
    def test_one_lists_axes_are_those_of_both(self, tmp_path: Path, stated: str) -> None:
        write_nerf_synthetic(tmp_path, train=3, test=2)
        for split in ("train", "test"):
            turn_frames(tmp_path / f"transforms_{split}.json")
        path = tmp_path / f"transforms_{stated}.json"
        write_json(path, json.loads(path.read_text()) | {"camera_axes": "opencv"})
        dataset = load_dataset(tmp_path)
        (warning,) = [each for each in dataset.warnings if "OpenCV" in each]
        assert "as the other list says of its own" in warning and f"transforms_{stated}" not in warning
        for views, index, count in ((dataset.train, 0.0, 3), (dataset.test, TEST_OFFSET, 2)):
            wanted = orbit_camera(index, count).camera_to_world
            np.testing.assert_allclose(views[0].camera.camera_to_world, wanted, atol=1e-12)


class TestPhotographs:
    @pytest.mark.parametrize("world", [np.eye(4), Y_UP], ids=["z up", "y up"])
    @pytest.mark.parametrize("kind", CAMERAS)
    @pytest.mark.parametrize("is_opencv", [True, False], ids=["opencv", "opengl"])
    def test_pictures_tell(self, tmp_path: Path, kind: str, is_opencv: bool, world: np.ndarray) -> None:
        cameras = CAMERAS[kind]()
        path = write_photographs(tmp_path, cameras)
        turn_frames(path, world, is_opencv)
        dataset = load_dataset(tmp_path)
        for view, camera in zip(dataset.train, cameras, strict=True):
            np.testing.assert_allclose(view.camera.camera_to_world, world @ camera.camera_to_world, atol=1e-12)
        told = about_axes(dataset.warnings)
        assert len(told) == is_opencv
        assert not told or ('"camera_axes": "opencv"' in told[0] and '"opengl"' in told[0])

    def test_test_views_are_turned_too(self, tmp_path: Path) -> None:
        cameras = CAMERAS["around"]()
        turn_frames(write_photographs(tmp_path, cameras))
        dataset = load_dataset(tmp_path, holdout=4)
        assert len(dataset.test) == 3
        np.testing.assert_allclose(dataset.test[0].camera.camera_to_world, cameras[0].camera_to_world, atol=1e-12)


class TestWhatPicturesDoNotTell:
    """Too few pictures, or bare ones."""

    def test_a_framed_subject_is_looked_at(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path, train=3, test=1)
        for split in ("train", "test"):
            turn_frames(tmp_path / f"transforms_{split}.json", Y_UP)
        dataset = load_dataset(tmp_path)
        (warning,) = about_axes(dataset.warnings)
        assert "look away from each other" in warning
        wanted = Y_UP @ orbit_camera(1, 3).camera_to_world
        np.testing.assert_allclose(dataset.train[1].camera.camera_to_world, wanted, atol=1e-12)

    def test_cameras_hang_upright(self, tmp_path: Path) -> None:
        cameras = ring(6, 2.0, 0.0)
        path = write_photographs(tmp_path, cameras)
        for index in range(6):
            Image.new("RGB", (SIZE, SIZE), (90, 90, 90)).save(tmp_path / f"{index:02d}.png")
        turn_frames(path)
        dataset = load_dataset(tmp_path)
        assert len(about_axes(dataset.warnings)) == 1
        np.testing.assert_allclose(dataset.train[0].camera.camera_to_world, cameras[0].camera_to_world, atol=1e-12)

    @pytest.mark.parametrize("is_opencv", [True, False], ids=["opencv", "opengl"])
    def test_cameras_side_by_side_are_told_where_nothing_tells(self, tmp_path: Path, is_opencv: bool) -> None:
        path = write_photographs(tmp_path, wall(3, 2))
        for index in range(6):
            Image.new("RGB", (SIZE, SIZE), (90, 90, 90)).save(tmp_path / f"{index:02d}.png")
        turn_frames(path, Y_UP, is_opencv)
        (warning,) = about_axes(load_dataset(tmp_path).warnings)
        assert "6 pictures" in warning and '"camera_axes": "opengl"' in warning and '"opencv"' in warning

    def test_cameras_side_by_side_that_stand_upright_are_no_question(self, tmp_path: Path) -> None:
        write_photographs(tmp_path, wall(3, 2))
        for index in range(6):
            Image.new("RGB", (SIZE, SIZE), (90, 90, 90)).save(tmp_path / f"{index:02d}.png")
        assert about_axes(load_dataset(tmp_path).warnings) == []

    @pytest.mark.parametrize("is_opencv", [True, False], ids=["opencv", "opengl"])
    @pytest.mark.parametrize("world", [np.eye(4), Y_UP], ids=["z up", "y up"])
    @pytest.mark.parametrize("kind", CAMERAS)
    def test_whatever_cameras_do_opencvs_poses_are_never_silent(
        self, tmp_path: Path, kind: str, world: np.ndarray, is_opencv: bool
    ) -> None:
        """Four bare pictures, which tell nothing; without bounds."""
        cameras = CAMERAS[kind]()[::4][:4]
        path = write_photographs(tmp_path, cameras)
        for index in range(len(cameras)):
            Image.new("RGB", (SIZE, SIZE), (90, 90, 90)).save(tmp_path / f"{index:02d}.png")
        values = json.loads(path.read_text())
        del values["aabb_scale"]
        write_json(path, values)
        turn_frames(path, world, is_opencv)
        assert len(about_axes(load_dataset(tmp_path).warnings)) == 1 or not is_opencv

    def test_cameras_that_look_away_from_each_other_are_told(self, tmp_path: Path) -> None:
        cameras = ring(6, 0.4, 2.0)
        write_photographs(tmp_path, cameras)
        for index in range(6):
            Image.new("RGB", (SIZE, SIZE), (90, 90, 90)).save(tmp_path / f"{index:02d}.png")
        dataset = load_dataset(tmp_path)
        (warning,) = about_axes(dataset.warnings)
        assert warning.startswith("6 cameras look away from each other")
        np.testing.assert_allclose(dataset.train[0].camera.camera_to_world, cameras[0].camera_to_world, atol=1e-12)


def invert_frames(path: Path, is_opencv: bool) -> None:
    """Rewrite the poses of a list as world-to-camera matrices."""
    turn_frames(path, is_opencv=is_opencv)
    values = json.loads(path.read_text())
    for frame in values["frames"]:
        frame["transform_matrix"] = np.linalg.inv(frame["transform_matrix"]).tolist()
    write_json(path, values)


@pytest.mark.parametrize("is_opencv", [True, False], ids=["opencv", "opengl"])
class TestWorldToCamera:
    @pytest.mark.parametrize("kind", CAMERAS)
    def test_pictures_tell(self, tmp_path: Path, kind: str, is_opencv: bool) -> None:
        cameras = CAMERAS[kind]()
        invert_frames(write_photographs(tmp_path, cameras), is_opencv)
        dataset = load_dataset(tmp_path)
        for view, camera in zip(dataset.train, cameras, strict=True):
            np.testing.assert_allclose(view.camera.camera_to_world, camera.camera_to_world, atol=1e-9)
        (warning,) = about_axes(dataset.warnings)
        axes = "opencv" if is_opencv else "opengl"
        assert f'"world_to_camera": true and "camera_axes": "{axes}" in the file' in warning
        assert 'else "world_to_camera": false' in warning and "pictures agree more" in warning

    def test_few_cameras_that_look_at_one_thing_tell(self, tmp_path: Path, is_opencv: bool) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        invert_frames(tmp_path / "transforms.json", is_opencv)
        dataset = load_dataset(tmp_path)
        for index, view in enumerate(dataset.train):
            np.testing.assert_allclose(view.camera.camera_to_world, orbit_camera(index, 4).camera_to_world, atol=1e-9)
        (warning,) = dataset.warnings
        assert "4 cameras look at one thing by that alone" in warning

    @pytest.mark.parametrize("stated", [{"world_to_camera": True}, {"w2c": 1}, {"pose_type": "world-to-camera"}])
    def test_a_file_may_say_it(self, tmp_path: Path, stated: dict[str, Any], is_opencv: bool) -> None:
        axes = {"camera_axes": "opencv" if is_opencv else "opengl"}
        path = write_photographs(tmp_path, CAMERAS["around"](), **stated, **axes)
        invert_frames(path, is_opencv)
        dataset = load_dataset(tmp_path)
        assert dataset.warnings == []
        for view, camera in zip(dataset.train, CAMERAS["around"](), strict=True):
            np.testing.assert_allclose(view.camera.camera_to_world, camera.camera_to_world, atol=1e-9)

    def test_also_with_axes_alone(self, tmp_path: Path, is_opencv: bool) -> None:
        path = write_photographs(tmp_path, CAMERAS["around"](), camera_axes="opencv" if is_opencv else "opengl")
        invert_frames(path, is_opencv)
        dataset = load_dataset(tmp_path)
        wanted = CAMERAS["around"]()[0].camera_to_world
        np.testing.assert_allclose(dataset.train[0].camera.camera_to_world, wanted, atol=1e-9)
        (warning,) = dataset.warnings
        assert "world_to_camera" in warning and "camera_axes" not in warning

    @pytest.mark.parametrize("stated", [{"world_to_camera": False}, {"pose_type": "c2w"}, {"color_space": "srgb"}])
    def test_and_that_it_is_not_so(self, tmp_path: Path, stated: dict[str, Any], is_opencv: bool) -> None:
        path = write_photographs(tmp_path, CAMERAS["around"](), camera_axes="opengl", **stated)
        invert_frames(path, is_opencv)
        values = json.loads(path.read_text())
        dataset = load_dataset(tmp_path)
        assert not any("world-to-camera" in warning for warning in dataset.warnings)
        pose = np.array(values["frames"][0]["transform_matrix"])
        np.testing.assert_allclose(dataset.train[0].camera.camera_to_world, pose, atol=1e-9)
