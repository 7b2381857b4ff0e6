"""Lenses under the names that programs give them: intrinsics and distortion."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data.formats import DatasetError, load_dataset
from engine.link.geometry import Camera
from tests.engine.data.scenes import ANGLE_OF_VIEW, edit_first_frame, write_json, write_transforms

PATH = "transforms.json"


def first_camera(folder: Path) -> Camera:
    return load_dataset(folder).train[0].camera


def terms(camera: Camera) -> list[float]:
    return [camera.k1, camera.k2, camera.p1, camera.p2]


class TestDistortion:
    def test_nerfstudios_list(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, distortion_params=[-0.25, 0.06, 0, 0, 0.001, -0.002])
        dataset = load_dataset(tmp_path)
        assert terms(dataset.train[0].camera) == [-0.25, 0.06, 0.001, -0.002] and dataset.warnings == []

    def test_in_one_frame(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, k1=0.1)
        edit_first_frame(tmp_path / PATH, distortion_params=[-0.25, 0.06, 0, 0, 0, 0])
        cameras = [view.camera for view in load_dataset(tmp_path).train]
        assert terms(cameras[0]) == [-0.25, 0.06, 0, 0] and terms(cameras[1]) == [0.1, 0, 0, 0]

    @pytest.mark.parametrize("model", ["PINHOLE", "SIMPLE_PINHOLE"])
    def test_terms_of_a_lens_that_has_none_are_told(self, tmp_path: Path, model: str) -> None:
        write_transforms(tmp_path, aabb_scale=1, camera_model=model, k1=-0.2, p1=0.0)
        dataset = load_dataset(tmp_path)
        (told,) = dataset.warnings
        assert terms(dataset.train[0].camera) == [-0.2, 0, 0, 0]
        assert "without distortion" in told and "(once, first in " in told and "k1): they are used" in told
        write_transforms(tmp_path, aabb_scale=1, camera_model=model, k1=0.0)
        assert load_dataset(tmp_path).warnings == []

    @pytest.mark.parametrize("name", ["distortion", "dist_coeffs", "distortion_coefficients", "distortion_params"])
    def test_opencvs_order_is_told(self, tmp_path: Path, name: str) -> None:
        write_transforms(tmp_path, aabb_scale=1, **{name: [-0.2, 0.05, 0.001, 0.002]})
        dataset = load_dataset(tmp_path)
        assert terms(dataset.train[0].camera) == [-0.2, 0.05, 0.001, 0.002]
        assert len(dataset.warnings) == 1 and f"{name}: its 4 terms" in dataset.warnings[0]

    @pytest.mark.parametrize(
        "said",
        [
            {"distortion": {"k1": -0.2, "k2": 0.05, "p1": 0.001}},
            {"radial_distortion": [-0.2, 0.05, 0.0], "tangential_distortion": [0.001, 0.0]},
            {"distortion": {"radial": [-0.2, 0.05, 0.0], "tangential": [0.001, 0.0]}},
        ],
    )
    def test_by_name_within_an_object_and_in_two_lists(self, tmp_path: Path, said: dict[str, Any]) -> None:
        write_transforms(tmp_path, aabb_scale=1, **said)
        dataset = load_dataset(tmp_path)
        assert terms(dataset.train[0].camera) == [-0.2, 0.05, 0.001, 0.0] and dataset.warnings == []

    def test_what_cannot_be_undone_is_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, fl_x=12.0, fl_y=12.0, k1=-0.4)
        warning = load_dataset(tmp_path).warnings[0]
        assert "can't be undone" in warning and "(4, first 0000.png: " in warning and "% of it" in warning

    def test_what_else_an_object_has_is_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, distortion={"k1": -0.2, "decentering": [0.001, 0.0], "unit": "px"})
        dataset = load_dataset(tmp_path)
        assert terms(dataset.train[0].camera) == [-0.2, 0.0, 0.0, 0.0]
        assert len(dataset.warnings) == 1 and "decentering, unit" in dataset.warnings[0]

    @pytest.mark.parametrize(
        "said",
        [
            [[-0.2, 0.05, 0.001, 0.002, 0.0]],
            [[-0.2], [0.05], [0.001], [0.002]],
            [-0.2, 0.05, 0.001, 0.002, *[0.0] * 8],
            [-0.2, 0.05, 0.001, 0.002, *[0.0] * 10],
        ],
    )
    def test_as_opencv_has_it(self, tmp_path: Path, said: list[Any]) -> None:
        write_transforms(tmp_path, aabb_scale=1, distortion=said)
        assert terms(first_camera(tmp_path)) == pytest.approx([-0.2, 0.05, 0.001, 0.002])

    @pytest.mark.parametrize("count", [0, 1, 3, 7, 9, 12, 14])
    def test_zeros_are_none_however_many(self, tmp_path: Path, count: int) -> None:
        write_transforms(tmp_path, aabb_scale=1, distortion_params=[0.0] * count)
        dataset = load_dataset(tmp_path)
        assert not dataset.train[0].camera.is_distorted and dataset.warnings == []

    @pytest.mark.parametrize("said", [[0.1, 0.2, 0.3], [0.1] * 9, [0.1] * 12, [[0.1, 0.2], [0.3]], ["0.1"]])
    def test_of_another_length_it_is_refused(self, tmp_path: Path, said: list[Any]) -> None:
        write_transforms(tmp_path, aabb_scale=1, distortion_params=said)
        with pytest.raises(DatasetError, match="distortion_params"):
            load_dataset(tmp_path)

    def test_names_win_over_a_list_with_a_word(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, k1=0.1, distortion_params=[-0.25, 0.06, 0, 0, 0, 0])
        dataset = load_dataset(tmp_path)
        assert (
            dataset.train[0].camera.k1 == 0.1
            and "first in" in dataset.warnings[0]
            and ": k1): the terms by name" in dataset.warnings[0]
        )

    def test_further_terms_are_folded_into_two(self, tmp_path: Path) -> None:
        """What k1 and k2 then say differs from all terms by less than half a pixel, wherever in the picture."""
        write_transforms(tmp_path, aabb_scale=1, k1=0.02, k2=-0.01, k3=0.05, k4=-0.02)
        dataset = load_dataset(tmp_path)
        camera = dataset.train[0].camera
        assert dataset.warnings == []
        square = np.linspace(0, math.hypot(12 / camera.fx, 12 / camera.fx), 50) ** 2
        wanted = square * (0.02 + square * (-0.01 + square * (0.05 + square * -0.02)))
        got = square * (camera.k1 + square * camera.k2)
        assert np.abs((wanted - got) * np.sqrt(square)).max() * camera.fx < 0.05
        assert camera.k2 != -0.01

    def test_terms_that_two_cannot_follow_are_told_in_pixels(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, k3=900.0, k4=-5000.0)
        warning = load_dataset(tmp_path).warnings[0]
        assert "further distortion terms" in warning and "(4, first 0000.png: " in warning and "undistort" in warning

    @pytest.mark.parametrize("value", [1e9, "0.1", True, [0.1]])
    def test_values_that_are_none(self, tmp_path: Path, value: Any) -> None:
        write_transforms(tmp_path, aabb_scale=1, k1=value)
        with pytest.raises(DatasetError, match="k1"):
            load_dataset(tmp_path)


class TestUnits:
    def test_a_focal_length_in_millimetres_beside_an_angle(self, tmp_path: Path) -> None:
        angle = 0.8
        write_transforms(tmp_path, aabb_scale=1, fl_x=1.9, fl_y=1.9, camera_angle_x=angle, camera_angle_y=angle)
        dataset = load_dataset(tmp_path)
        pixels = 12 / math.tan(angle / 2)
        assert dataset.train[0].camera.fx == dataset.train[0].camera.fy == pytest.approx(pixels)
        assert len(dataset.warnings) == 2
        for word in ("fl_x and camera_angle_x", "1.9 and 28.38 pixels", "(4, first", "camera_angle_x is taken"):
            assert word in dataset.warnings[0]

    def test_of_two_that_may_be_the_length_is_taken(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, fl_x=50.0, camera_angle_x=0.8)
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].camera.fx == 50.0
        assert "fl_x is taken" in dataset.warnings[0]

    def test_the_two_agreeing_is_no_news(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, camera_angle_x=0.8003)
        assert load_dataset(tmp_path).warnings == []

    def test_an_angle_that_no_lens_has(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, fl_x=1.2, fl_y=1.2)
        warning = load_dataset(tmp_path).warnings[0]
        assert "169 degrees" in warning and "(4, first" in warning and "fl_x is in pixels" in warning

    def test_radians_for_degrees(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        del values["fl_x"], values["fl_y"]
        write_json(tmp_path / PATH, values | {"x_fov": 0.8})
        assert "0.8 degrees" in (warning := load_dataset(tmp_path).warnings[0]) and "x_fov in degrees" in warning

    @pytest.mark.parametrize("fl_y", [14.0, 1400.0])
    def test_one_of_the_two_lengths_in_other_units(self, tmp_path: Path, fl_y: float) -> None:
        write_transforms(tmp_path, aabb_scale=1, fl_y=fl_y)
        warning = load_dataset(tmp_path).warnings[0]
        assert "times as high as wide (4, first 0000.png: focal lengths of 28.38 and" in warning

    @pytest.mark.parametrize("center", [{"cx": 0.5, "cy": 0.5}, {"cx": 960.0, "cy": 540.0}])
    def test_a_middle_in_other_units(self, tmp_path: Path, center: dict[str, float]) -> None:
        write_transforms(tmp_path, aabb_scale=1, **center)
        warning = load_dataset(tmp_path).warnings[0]
        assert "cx" in warning and "(4, first" in warning

    def test_a_frames_own_angle_wins_over_the_files_length(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        edit_first_frame(tmp_path / PATH, camera_angle_x=math.pi / 2)
        camera = first_camera(tmp_path)
        assert camera.fx == camera.fy == pytest.approx(12.0)

    def test_degrees(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        del values["fl_x"], values["fl_y"]
        write_json(tmp_path / PATH, values | {"x_fov": 90.0})
        assert first_camera(tmp_path).fx == pytest.approx(12.0)

    def test_whole_numbers_as_floats(self, tmp_path: Path) -> None:
        """instant-ngp's scripts write 1080.0."""
        values = write_transforms(tmp_path, aabb_scale=1, w=24.0, h=24.0)
        assert json.loads((tmp_path / PATH).read_text())["w"] == values["w"]
        assert first_camera(tmp_path).width == 24


class TestSizes:
    @pytest.mark.parametrize("side", ["w", "h"])
    def test_one_side_alone_tells_the_scale(self, tmp_path: Path, side: str) -> None:
        """Of pictures of 24x24 pixels that were 48 once."""
        values = write_transforms(tmp_path, aabb_scale=1)
        del values["w"], values["h"], values["cx"], values["cy"]
        focal = values["fl_x"]
        write_json(tmp_path / PATH, values | {side: 48, "fl_x": 2 * focal, "fl_y": 2 * focal})
        dataset = load_dataset(tmp_path)
        camera = dataset.train[0].camera
        assert (camera.width, camera.height) == (24, 24)
        np.testing.assert_allclose([camera.fx, camera.fy, camera.cx, camera.cy], [focal, focal, 12, 12])
        assert any("24x24 instead of 48x48" in warning for warning in dataset.warnings)

    @pytest.mark.parametrize("says_size", [False, True])
    def test_pictures_of_several_sizes_that_share_a_focal_length_are_told(
        self, tmp_path: Path, says_size: bool
    ) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        del values["cx"], values["cy"]
        if not says_size:
            del values["w"], values["h"]
        write_json(tmp_path / PATH, values)
        for index in (1, 3):
            path = tmp_path / f"{index:04d}.png"
            Image.open(path).resize((12, 12)).save(path)
        told = [warning for warning in load_dataset(tmp_path).warnings if "no w and h" in warning]
        assert len(told) == (not says_size)
        assert says_size or "(2, first 0001.png: 12x12, before it 24x24)" in told[0]

    def test_focal_lengths_of_frames_are_for_their_own_pictures(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        del values["w"], values["h"], values["cx"], values["cy"]
        values["frames"][1] |= {"fl_x": values["fl_x"] / 2, "fl_y": values["fl_y"] / 2}
        write_json(tmp_path / PATH, values)
        Image.open(tmp_path / "0001.png").resize((12, 12)).save(tmp_path / "0001.png")
        assert load_dataset(tmp_path).warnings == []


class TestPrincipalPoint:
    """Pictures are of 24x24."""

    @pytest.mark.parametrize("said", [{}, {"w": 24, "h": 24}, {"w": 96, "h": 96}])
    @pytest.mark.parametrize("factor", [0.25, 0.5, 3.0])
    def test_values_for_another_size_are_scaled(self, tmp_path: Path, factor: float, said: dict[str, int]) -> None:
        plain = write_transforms(tmp_path, aabb_scale=1)
        values = {name: value for name, value in plain.items() if name not in ("w", "h")} | said
        values |= {name: plain[name] * factor for name in ("fl_x", "fl_y")} | {"cx": 12 * factor, "cy": 12.1 * factor}
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        camera = dataset.train[0].camera
        assert (camera.fx, camera.cx, camera.cy) == pytest.approx((plain["fl_x"], 12.0, 12.1))
        (warning,) = [each for each in dataset.warnings if "middle of another size" in each]
        assert f"(4, first 0000.png: cx {12 * factor:g}, cy {12.1 * factor:g} of " in warning
        assert f"taken for pictures of {24 * factor:g}x{24 * factor:g}" in warning and "w and h" in warning

    def test_those_for_the_pictures_own_size_are_as_they_are(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, w=70, h=70)
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].camera.cx == 12.5
        (warning,) = dataset.warnings
        assert "cx 12.5, cy 11 of 70x70" in warning and "taken for pictures of 24x24" in warning

    def test_an_angle_of_view_that_agrees_says_that_the_size_is_right(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, cx=6, cy=6, camera_angle_x=ANGLE_OF_VIEW)
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].camera.cx == 6
        (warning,) = dataset.warnings
        assert "far off their picture's (4, first 0000.png: cx 6, cy 6 of 24x24)" in warning

    @pytest.mark.parametrize(("cx", "cy"), [(16.5, 7.5), (9.0, 12.0), (8.4, 8.4)])
    def test_one_far_off_is_told(self, tmp_path: Path, cx: float, cy: float) -> None:
        write_transforms(tmp_path, aabb_scale=1, cx=cx, cy=cy)
        dataset = load_dataset(tmp_path)
        assert (dataset.train[0].camera.cx, dataset.train[0].camera.cy) == (cx, cy)
        (warning,) = dataset.warnings
        assert f"far off their picture's (4, first 0000.png: cx {cx:g}, cy {cy:g} of 24x24)" in warning

    def test_a_captures_shifted_lens_is_as_it_was_rendered(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, cx=6, cy=6, color_space="srgb")
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].camera.cx == 6 and dataset.warnings == []
