"""What is nearly right in a list is read where it can mean one thing alone, else told with the name that is read."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data.formats import DatasetError, load_dataset
from engine.data.remarks import Remarks
from engine.link.wording import counted
from tests.engine.data.scenes import edit_first_frame, orbit_camera, write_json, write_transforms

FX = orbit_camera(0, 4).fx


def test_words_agree_with_their_number() -> None:
    assert [counted(number, "view") for number in (0, 1, 2)] == ["0 views", "1 view", "2 views"]
    assert counted(1, "pose is", "poses are") == "1 pose is" and counted(3, "pose is", "poses are") == "3 poses are"
    remarks = Remarks()
    for sentence in ("a ({times})", "b ({times})", "b ({times})"):
        remarks.add(sentence)
    assert remarks.sentences() == ["a (once)", "b (2 times)"]


class TestMatrices:
    def test_sixteen_numbers_in_a_row(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        for frame in values["frames"]:
            frame["transform_matrix"] = np.ravel(frame["transform_matrix"]).tolist()
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert dataset.warnings == []
        np.testing.assert_array_equal(dataset.train[1].camera.camera_to_world, orbit_camera(1, 4).camera_to_world)

    def test_column_by_column_they_are_refused(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        numbers = orbit_camera(0, 4).camera_to_world.T.ravel().tolist()
        edit_first_frame(tmp_path / "transforms.json", transform_matrix=numbers)
        with pytest.raises(DatasetError, match="last row must be 0 0 0 1: it looks transposed"):
            load_dataset(tmp_path)

    @pytest.mark.parametrize("name", ["c2w_matrix", "pose"])
    def test_under_another_name_it_is_told(self, tmp_path: Path, name: str) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        values["frames"][0][name] = values["frames"][0].pop("transform_matrix")
        write_json(tmp_path / "transforms.json", values)
        with pytest.raises(DatasetError, match=f"0000.*transform_matrix is missing; if {name} is the camera-to-world"):
            load_dataset(tmp_path)

    @pytest.mark.parametrize("name", ["w2c", "world_to_cam", "extrinsics", "worldViewTransform"])
    def test_one_that_leads_from_the_world_to_the_camera(self, tmp_path: Path, name: str) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        matrix = orbit_camera(0, 4).camera_to_world.tolist()
        edit_first_frame(tmp_path / "transforms.json", transform_matrix=None, **{name: matrix})
        with pytest.raises(DatasetError, match=f"{name} seems to lead .*call it so, and add world_to_camera: true"):
            load_dataset(tmp_path)


class TestLenses:
    @pytest.mark.parametrize(
        "intrinsics",
        [
            [[FX, 0, 12.5], [0, FX, 11], [0, 0, 1]],
            [FX, 0, 12.5, 0, FX, 11, 0, 0, 1],
            [[FX, 0, 12.5, 0], [0, FX, 11, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
            {"fx": FX, "fy": FX, "cx": 12.5, "cy": 11},
        ],
    )
    @pytest.mark.parametrize("name", ["intrinsics", "K", "camera_matrix"])
    def test_a_matrix(self, tmp_path: Path, name: str, intrinsics: Any) -> None:
        without = dict.fromkeys(("fl_x", "fl_y", "cx", "cy"))
        write_transforms(tmp_path, aabb_scale=1, **without, **{name: intrinsics})
        camera = load_dataset(tmp_path).train[0].camera
        assert (camera.fx, camera.fy, camera.cx, camera.cy) == (FX, FX, 12.5, 11.0)

    def test_a_frames_goes_before_the_files_values(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        edit_first_frame(tmp_path / "transforms.json", intrinsics=[[40, 0, 12], [0, 40, 12], [0, 0, 1]])
        dataset = load_dataset(tmp_path)
        assert [view.camera.fx for view in dataset.train[:2]] == [40.0, FX] and dataset.warnings == []

    def test_one_that_says_another_length_than_the_name_is_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, K=[[40, 0, 12.5], [0, FX, 11], [0, 0, 1]])
        dataset = load_dataset(tmp_path)
        (warning,) = dataset.warnings
        assert dataset.train[0].camera.fx == FX and "another fl_x" in warning and "(once, first in" in warning

    def test_numbers_that_may_mean_anything_are_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        edit_first_frame(tmp_path / "transforms.json", intrinsics=[40, 40, 12, 12])
        (warning,) = load_dataset(tmp_path).warnings
        assert "intrinsics that isn't used (once, first in" in warning and "name fl_x, fl_y, cx and cy" in warning

    @pytest.mark.parametrize("name", ["focal_length", "focal", "fx", "fov", "intrinsics"])
    def test_without_a_length_that_is_read_the_nearest_name_is_told(self, tmp_path: Path, name: str) -> None:
        write_transforms(tmp_path, aabb_scale=1, fl_x=None, fl_y=None, **{name: 28.0})
        with pytest.raises(DatasetError, match=rf"no focal length \(fl_x in pixels, .*; {name} isn't read"):
            load_dataset(tmp_path)


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "without"), [("depth_path", "without depth"), ("mask_path", "all of their pixels")]
    )
    @pytest.mark.parametrize("suffix", [".npz", ".raw"])
    def test_depth_and_masks_of_other_formats(self, tmp_path: Path, name: str, without: str, suffix: str) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        (tmp_path / f"a{suffix}").write_bytes(b"x")
        edit_first_frame(tmp_path / "transforms.json", **{name: f"a{suffix}"})
        (warning,) = load_dataset(tmp_path).warnings
        assert f"of a format that isn't read (1, first a{suffix})" in warning
        assert without in warning and "store them as .png" in warning

    def test_depth_in_colours(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        Image.new("RGB", (24, 24), (90, 20, 3)).save(tmp_path / "d.png")
        edit_first_frame(tmp_path / "transforms.json", depth_path="d.png")
        with pytest.raises(
            DatasetError, match=r"d\.png: a depth image has one channel.*store whole numbers of 16 bits"
        ):
            load_dataset(tmp_path)

    @pytest.mark.parametrize("beside", [False, True])
    def test_what_is_turned_by_90_degrees(self, tmp_path: Path, beside: bool) -> None:
        write_transforms(tmp_path, aabb_scale=1, w=24, h=12)
        for path in tmp_path.glob("*.png"):
            Image.new("RGB", (24, 12)).save(path)
        name = "m.png" if beside else "0000.png"
        Image.new("L", (12, 24), 255).save(tmp_path / name)
        edit_first_frame(tmp_path / "transforms.json", mask_path="m.png" if beside else None)
        with pytest.raises(DatasetError, match=r"12x24.*: it seems to be turned by 90 degrees; turn it, or"):
            load_dataset(tmp_path)

    def test_pictures_that_are_there_scaled_down_alone(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path / "images_4")
        (tmp_path / "images_4/transforms.json").unlink()
        for frame in values["frames"]:
            frame["file_path"] = f"images/{frame['file_path']}"
        write_json(tmp_path / "transforms.json", values)
        with pytest.raises(DatasetError, match=r"images_4/ has it scaled down by 4: call that folder images, and"):
            load_dataset(tmp_path)

    def test_a_list_that_is_compressed(self, tmp_path: Path) -> None:
        write_transforms(tmp_path)
        path = tmp_path / "transforms.json"
        path.write_bytes(gzip.compress(path.read_bytes()))
        with pytest.raises(DatasetError, match=r"transforms\.json: not a list of views: it is a gzip archive"):
            load_dataset(tmp_path)

    def test_frames_under_another_name(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path)
        write_json(tmp_path / "transforms.json", values | {"frames": None, "images": values["frames"]})
        with pytest.raises(DatasetError, match='no list "frames" in it; if images lists the views, call it so'):
            load_dataset(tmp_path)

    def test_pictures_under_another_name(self, tmp_path: Path) -> None:
        write_transforms(tmp_path)
        edit_first_frame(tmp_path / "transforms.json", file_path=None, image_path="0000.png")
        with pytest.raises(DatasetError, match="frame 0: no file_path; if image_path names the picture, call it so"):
            load_dataset(tmp_path)
