"""Which projection a file means: pinhole, fisheye, and those that are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from engine.data.formats import DatasetError, load_dataset
from tests.engine.data.scenes import edit_first_frame, write_json, write_transforms

PATH = "transforms.json"


class TestProjections:
    @pytest.mark.parametrize(
        "values",
        [
            {"sphere": {"center": [0, 0, 0], "radius": 1.0}},
            {"sphere": [0, 0, 0, 1]},
            {"fisheye_crop_radius": 500.0},
            {"camera": {"fisheye_crop_radius": 500.0}},
        ],
    )
    def test_names_of_other_things_are_no_lenses(self, tmp_path: Path, values: dict[str, Any]) -> None:
        write_transforms(tmp_path, aabb_scale=1, **values)
        (warning,) = load_dataset(tmp_path).warnings
        assert "t used, as" in warning and next(iter(values)) in warning

    @pytest.mark.parametrize(
        "flag",
        [
            {"equirectangular": True},
            {"is_equirectangular": True},
            {"latlong": True},
            {"is_spherical": True},
            {"is_360": True},
            {"ftheta_p0": 0.5},
            {"is_orthographic": True},
            {"camera_model": "EQUIRECTANGULAR"},
            {"camera_model": "fisheye"},
            {"camera_type": "spherical"},
            {"projection": "Fisheye-Equidistant"},
            {"lens_model": "THIN_PRISM_FISHEYE"},
            {"lens": "fisheye"},
            {"distortion_model": "equirectangular"},
            {"camera": {"model": "OPENCV_FISHEYE", "width": 24}},
            {"camera_model": "FOV"},
            {"cameras": [{"id": 1, "model": "OPENCV_FISHEYE", "params": [9.0]}]},
            {"cameras": {"1": {"model": "SIMPLE_RADIAL_FISHEYE"}}},
            {"intrinsics": {"camera_model": "OPENCV_FISHEYE"}},
            {"camera": {"intrinsics": {"type": "kannala_brandt4"}}},
            {"distortion_model": "equidistant"},
            {"projection": "stereographic"},
            {"projection_type": "cylindrical"},
            {"is_pano": True},
            {"type": "fisheye"},
            {"intrinsics": {"is_fisheye": True}},
            {"lens_type": "omni"},
            {"panorama_type": "EQUIRECTANGULAR"},
            {"image_type": "panorama"},
            {"distortion_model": "equi"},
        ],
    )
    @pytest.mark.parametrize("in_frame", [False, True])
    def test_others_than_a_pinhole_are_refused_by_name(
        self, tmp_path: Path, flag: dict[str, Any], in_frame: bool
    ) -> None:
        write_transforms(tmp_path, aabb_scale=1, **({} if in_frame else flag))
        if in_frame:
            edit_first_frame(tmp_path / PATH, **flag)
        with pytest.raises(DatasetError, match=next(iter(flag))) as caught:
            load_dataset(tmp_path)
        assert "pinhole" in str(caught.value) and ("frame 0" in str(caught.value)) == in_frame

    @pytest.mark.parametrize(
        "flag",
        [
            {"is_fisheye": False},
            {"fisheye": 0},
            {"equirectangular": "false"},
            {"latlong": None},
            {"camera_model": None},
            {"camera_model": "pinhole"},
            {"camera_model": "Simple_Radial"},
            {"camera_type": "perspective"},
            {"is_panorama": "no"},
            {"distortion_model": "plumb_bob"},
            {"distortion_model": "radial-tangential"},
            {"camera": {"model": "PINHOLE", "is_distorted": False}},
        ],
    )
    def test_a_pinhole_said_in_another_way_is_one(self, tmp_path: Path, flag: dict[str, Any]) -> None:
        write_transforms(tmp_path, aabb_scale=1, **flag)
        assert load_dataset(tmp_path).warnings == []

    def test_a_lens_beside_a_pinholes_name_is_read(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, camera={"model": "OPENCV", "k1": -0.25, "k2": 0.06})
        dataset = load_dataset(tmp_path)
        camera = dataset.train[0].camera
        assert (camera.k1, camera.k2) == (-0.25, 0.06) and dataset.warnings == []

    @pytest.mark.parametrize(
        "values",
        [
            {"intrinsics": {"model": "pinhole", "fl_x": 999.0}},
            {"cameras": [{"type": "perspective", "focal": 30.0}]},
        ],
    )
    def test_what_stands_beside_a_pinholes_name_is_told_to_be_unused(
        self, tmp_path: Path, values: dict[str, Any]
    ) -> None:
        write_transforms(tmp_path, aabb_scale=1, **values)
        (warning,) = load_dataset(tmp_path).warnings
        assert next(iter(values)) in warning and "t used" in warning


class TestFisheye:
    TERMS = (-0.03, 0.008, -0.003, 0.0004)
    LENS: ClassVar[dict[str, Any]] = {"fl_x": 20.0, "fl_y": 20.0} | dict(
        zip(("k1", "k2", "k3", "k4"), TERMS, strict=True)
    )

    @pytest.mark.parametrize(
        "flag",
        [
            {"camera_model": "OPENCV_FISHEYE"},
            {"camera_model": "opencv-fisheye"},
            {"is_fisheye": True},
            {"isFisheye": 1},
            {"fisheye": "true"},
            {"is_fish_eye": True},
        ],
    )
    @pytest.mark.parametrize("in_frame", [False, True])
    def test_opencvs_is_read(self, tmp_path: Path, flag: dict[str, Any], in_frame: bool) -> None:
        write_transforms(tmp_path, aabb_scale=1, **({} if in_frame else self.LENS | flag))
        if in_frame:
            edit_first_frame(tmp_path / PATH, **self.LENS, **flag)
        dataset = load_dataset(tmp_path)
        first, second = (view.camera for view in dataset.train[:2])
        assert first.projection == "fisheye" and first.lens_terms == self.TERMS and first.fx == 20.0
        assert second.is_fisheye != in_frame and dataset.warnings == []

    def test_a_switch_goes_before_a_camera_model_with_a_word(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, camera_model="OPENCV", is_fisheye=True, **self.LENS)
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].camera.is_fisheye
        (warning,) = dataset.warnings
        assert "camera_model 'OPENCV' and is_fisheye disagree (1, first" in warning
        assert "the lens is taken for a fisheye" in warning

    def test_four_terms_in_a_list_are_its_own(self, tmp_path: Path) -> None:
        said = {"camera_model": "OPENCV_FISHEYE", "fl_x": 20.0, "distortion_params": list(self.TERMS)}
        write_transforms(tmp_path, aabb_scale=1, **said)
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].camera.lens_terms == self.TERMS and dataset.warnings == []

    def test_a_frame_may_have_a_pinhole_beside_it(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, camera_model="OPENCV_FISHEYE", **self.LENS)
        edit_first_frame(tmp_path / PATH, camera_model="OPENCV")
        first, second = (view.camera for view in load_dataset(tmp_path).train[:2])
        assert not first.is_fisheye and second.is_fisheye

    def test_what_is_too_far_off_the_axis_is_left_out(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, camera_model="OPENCV_FISHEYE", fl_x=6.0, fl_y=6.0)
        dataset = load_dataset(tmp_path)
        view = dataset.train[0]
        assert "too far off the axis" in dataset.warnings[0] and "beyond 86 degrees" in dataset.warnings[0]
        assert view.depth is not None
        y, x = np.mgrid[: view.camera.height, : view.camera.width] + 0.5
        is_beyond = np.hypot(x - view.camera.cx, y - view.camera.cy) / 6.0 > 1.5
        assert 0.05 < is_beyond.mean() < 0.8
        np.testing.assert_array_equal(np.isneginf(view.depth), is_beyond)

    def test_terms_that_it_has_not_are_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, camera_model="OPENCV_FISHEYE", p1=0.01, **self.LENS)
        assert "terms that it doesn't have" in load_dataset(tmp_path).warnings[0]

    def test_an_angle_alone_says_too_little(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, is_fisheye=True)
        values = json.loads((tmp_path / PATH).read_text())
        values = {name: value for name, value in values.items() if name not in ("fl_x", "fl_y")}
        write_json(tmp_path / PATH, values | {"camera_angle_x": 1.0})
        with pytest.raises(DatasetError, match=r"a fisheye lens needs its focal length in pixels \(fl_x\)"):
            load_dataset(tmp_path)


class TestFramesOfTheirOwnLens:
    """Of several cameras, say, some with a fisheye."""

    @pytest.mark.parametrize(
        ("file", "frame", "projections"),
        [
            ({}, {"is_fisheye": True}, ["fisheye", "pinhole"]),
            ({}, {"camera_model": "OPENCV_FISHEYE"}, ["fisheye", "pinhole"]),
            ({"is_fisheye": True}, {"is_fisheye": False}, ["pinhole", "fisheye"]),
            ({"is_fisheye": True}, {"camera_model": "PINHOLE"}, ["pinhole", "fisheye"]),
            ({"camera_model": "OPENCV_FISHEYE"}, {"fisheye": 0}, ["pinhole", "fisheye"]),
        ],
    )
    def test_a_frame_goes_before_the_file(
        self, tmp_path: Path, file: dict[str, Any], frame: dict[str, Any], projections: list[str]
    ) -> None:
        write_transforms(tmp_path, count=2, aabb_scale=1, k1=0.1, k2=0.02, **file)
        edit_first_frame(tmp_path / "transforms.json", **frame)
        dataset = load_dataset(tmp_path)
        cameras = [view.camera for view in dataset.train]
        assert [camera.projection for camera in cameras] == projections
        assert [camera.k1 for camera in cameras] == [0.0, 0.1], "terms of the other projection"
        assert dataset.warnings == []

    def test_a_switch_that_is_off_and_a_camera_model_may_disagree(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, camera_model="OPENCV_FISHEYE", is_fisheye=False)
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].camera.is_fisheye
        (warning,) = dataset.warnings
        assert "disagree" in warning and "is_fisheye" in warning and "remove the wrong one" in warning
