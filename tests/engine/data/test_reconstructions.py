"""COLMAP's models and LLFF's poses are read as the cameras they are, upright, and refused by file and record."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.formats import DatasetError, load_dataset
from engine.data.point_bounds import extent_of_points
from engine.link.geometry import Camera
from engine.link.projection import project
from tests.engine.data.balls import SIZE, orbit
from tests.engine.data.reconstruction_files import write_colmap, write_llff, write_pictures
from tests.engine.data.rooms import look
from tests.engine.data.scenes import warning_about, write_transforms

pycolmap = pytest.importorskip("pycolmap")
CAMERAS = orbit(4)


def tilt(degrees: float) -> np.ndarray:
    """About x."""
    angle = np.radians(degrees)
    return np.array([[1.0, 0.0, 0.0], [0.0, np.cos(angle), -np.sin(angle)], [0.0, np.sin(angle), np.cos(angle)]])


def require_same(cameras: list[Camera], others: list[Camera], tolerance: float = 1e-9) -> None:
    for one, other in zip(cameras, others, strict=True):
        np.testing.assert_allclose(other.camera_to_world, one.camera_to_world, atol=tolerance)
        lens = [(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy) for camera in (one, other)]
        np.testing.assert_allclose(lens[1], lens[0])


class TestColmap:
    @pytest.mark.parametrize("text", [True, False])
    @pytest.mark.parametrize("inside", ["", "sparse/0"])
    def test_a_project_or_its_model_gives_cameras_and_bounds(self, tmp_path: Path, text: bool, inside: str) -> None:
        write_colmap(tmp_path, CAMERAS, write_pictures(tmp_path / "images", CAMERAS), text=text)
        dataset = load_dataset(tmp_path / inside, holdout=4)
        assert [view.name for view in dataset.train] == ["shot 1", "shot 2", "shot 3"]
        require_same([CAMERAS[0]], [dataset.test[0].camera])
        require_same(CAMERAS[1:], [view.camera for view in dataset.train])
        assert (np.abs(dataset.bounds.center) < 0.3).all() and 1.2 < dataset.bounds.size.max() < 2.2
        assert len(dataset.warnings) == 1 and "names no bounds" in dataset.warnings[0]

    def test_a_model_finds_pictures_of_another_format_around_it(self, tmp_path: Path) -> None:
        write_pictures(tmp_path / "images", CAMERAS)
        write_colmap(tmp_path, CAMERAS, [f"shot {index}.JPG" for index in range(4)])
        require_same(CAMERAS, [view.camera for view in load_dataset(tmp_path / "sparse/0").train])

    def test_points_at_the_one_place_of_all_cameras_are_no_hindrance(self) -> None:
        here = [dataclasses.replace(camera, camera_to_world=np.eye(4)) for camera in CAMERAS]
        assert extent_of_points(np.zeros((20, 3)), here, is_photographed=True).cascades == 2

    def test_a_world_without_upwards_is_turned_by_the_cameras(self, tmp_path: Path) -> None:
        write_colmap(tmp_path, CAMERAS, write_pictures(tmp_path / "images", CAMERAS), turn=tilt(115.0))
        dataset = load_dataset(tmp_path)
        warning_about(dataset, "its world knows no upwards", "is turned by")
        mean_up = np.mean([view.camera.camera_to_world[:3, 1] for view in dataset.train], axis=0)
        np.testing.assert_allclose(mean_up / np.linalg.norm(mean_up), [0.0, 0.0, 1.0], atol=1e-9)
        one, two = (view.camera for view in dataset.train[:2])  # to each other they stand as before
        relative = np.linalg.inv(one.camera_to_world) @ two.camera_to_world
        as_before = np.linalg.inv(CAMERAS[0].camera_to_world) @ CAMERAS[1].camera_to_world
        np.testing.assert_allclose(relative, as_before, atol=1e-9)
        assert np.abs(dataset.bounds.center).max() < 0.6  # the points were turned, too

    @pytest.mark.parametrize("inside", ["", "images_2"])
    def test_scaled_pictures_scale_the_lens(self, tmp_path: Path, inside: str) -> None:
        write_colmap(tmp_path, CAMERAS, write_pictures(tmp_path / "images_2", CAMERAS, scale=2))
        if inside:  # where both are there, one may choose
            write_pictures(tmp_path / "images", CAMERAS)
        dataset = load_dataset(tmp_path / inside)
        require_same([camera.resized(SIZE // 2, SIZE // 2) for camera in CAMERAS], [v.camera for v in dataset.train])
        warning_about(dataset, "the cameras are scaled to the pictures")

    @pytest.mark.parametrize(
        ("model", "parameters"),
        [
            ("SIMPLE_PINHOLE", [50.0, 24.5, 23.0]),
            ("PINHOLE", [50.0, 51.0, 24.5, 23.0]),
            ("SIMPLE_RADIAL", [50.0, 24.5, 23.0, 0.1]),
            ("RADIAL", [50.0, 24.5, 23.0, 0.1, -0.03]),
            ("OPENCV", [50.0, 51.0, 24.5, 23.0, 0.1, -0.03, 0.004, -0.002]),
            ("FULL_OPENCV", [50.0, 51.0, 24.5, 23.0, 0.1, -0.03, 0.004, -0.002, 0.002, 0.0, 0.0, 0.0]),
            ("OPENCV_FISHEYE", [30.0, 31.0, 24.5, 23.0, 0.02, -0.01, 0.003, -0.001]),
            ("SIMPLE_RADIAL_FISHEYE", [30.0, 24.5, 23.0, 0.02]),
            ("RADIAL_FISHEYE", [30.0, 24.5, 23.0, 0.02, -0.01]),
        ],
    )
    def test_each_lens_sees_what_colmaps_library_does(
        self, tmp_path: Path, model: str, parameters: list[float]
    ) -> None:
        lens = f"{model} {SIZE} {SIZE} {' '.join(map(str, parameters))}"
        write_colmap(tmp_path, CAMERAS[:2], write_pictures(tmp_path / "images", CAMERAS[:2]), lens)
        camera = load_dataset(tmp_path).train[0].camera
        local = np.random.default_rng(5).uniform(-0.4, 0.4, (40, 3)) - [0.0, 0.0, 1.5]
        theirs = pycolmap.Camera(model=model, width=SIZE, height=SIZE, params=parameters)
        seen = theirs.img_from_cam(local * [1.0, -1.0, -1.0])
        np.testing.assert_allclose(project(camera, local), seen, atol=0.02 if model == "FULL_OPENCV" else 1e-6)

    @pytest.mark.parametrize("text", [True, False])
    def test_other_lenses_are_refused_by_name(self, tmp_path: Path, text: bool) -> None:
        lens = f"FOV {SIZE} {SIZE} 50 50 24 24 0.9"
        write_colmap(tmp_path, CAMERAS, write_pictures(tmp_path / "images", CAMERAS), lens, text=text)
        with pytest.raises(
            DatasetError, match=r"cameras\.(txt: line 2|bin: camera 1): its camera model FOV isn't read"
        ):
            load_dataset(tmp_path)

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            (
                "cameras.txt",
                "1 PINHOLE 48 48 50 24 24",
                "line 1: PINHOLE has the parameters fx fy cx cy, and here are 3",
            ),
            ("cameras.txt", "1 PINHOLE 48 -48 50 50 24 24", "line 1: expected a whole number, got -48"),
            ("cameras.txt", "1 PINHOLE 48 48 nan 50 24 24", "line 1: expected a finite number, got nan"),
            ("images.txt", "# x\n1 1 0 0 0 0 0 1 shot 0.png\n\n", "line 2: expected a whole number, got shot"),
            ("images.txt", "1 0 0 0 0 0 0 0 1 shot 0.png\n\n", "its quaternion is 0"),
            ("images.txt", "1 1 0 0 0 0 0 0 7 shot 0.png\n\n", "image shot 0.png: no camera 7 in cameras.txt"),
            ("images.txt", "# none\n", "no views"),
            ("points3D.txt", "1 2 3", "line 1: expected 8 columns at least"),
        ],
    )
    def test_an_error_names_file_and_line(self, tmp_path: Path, name: str, content: str, words: str) -> None:
        write_colmap(tmp_path, CAMERAS[:2], write_pictures(tmp_path / "images", CAMERAS[:2]))
        (tmp_path / "sparse/0" / name).write_text(content)
        with pytest.raises(DatasetError) as refused:
            load_dataset(tmp_path)
        assert f"{name}: " in str(refused.value) and words in str(refused.value)

    @pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
    def test_damaged_files_are_refused_by_name_or_read_but_nothing_else(self, tmp_path: Path, name: str) -> None:
        names = write_pictures(tmp_path / "images", CAMERAS[:2])
        write_colmap(tmp_path, CAMERAS[:2], names, points=3, text=False)
        path = tmp_path / "sparse/0" / name
        whole = path.read_bytes()
        for length in {0, 4, 8, 20, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:length])
            with pytest.raises(DatasetError, match=f"{name}: (cut off|empty)"):
                load_dataset(tmp_path)
        path.write_bytes(b"\xff" * 7 + b"\x00" + whole[8:])
        with pytest.raises(DatasetError, match=f"{name}: .* are the most that are read"):
            load_dataset(tmp_path)
        path.write_bytes(whole + b"\0")
        with pytest.raises(DatasetError, match=f"{name}: 1 byte follows its"):
            load_dataset(tmp_path)
        random = np.random.default_rng(7)
        for _ in range(30):
            damaged = bytearray(whole)
            damaged[random.integers(8, len(whole))] = random.integers(256)
            path.write_bytes(damaged)
            try:
                load_dataset(tmp_path)
            except DatasetError as error:
                assert str(tmp_path) in str(error)

    def test_other_models_beside_the_first_are_told(self, tmp_path: Path) -> None:
        write_colmap(tmp_path, CAMERAS, write_pictures(tmp_path / "images", CAMERAS))
        (tmp_path / "sparse/1").mkdir()
        for name in ("cameras.txt", "images.txt"):
            (tmp_path / "sparse/1" / name).write_bytes((tmp_path / "sparse/0" / name).read_bytes())
        warning_about(load_dataset(tmp_path), "other models beside", "sparse/1")

    def test_photographs_have_a_scene_around_what_they_look_at(self, tmp_path: Path) -> None:
        names = write_pictures(tmp_path / "images", CAMERAS)
        for name in names:
            Image.open(tmp_path / "images" / name).convert("RGB").save(tmp_path / "images" / name)
        write_colmap(tmp_path, CAMERAS, names)
        dataset = load_dataset(tmp_path)
        assert dataset.cascades > 1 and (np.abs(dataset.bounds.center) < 0.3).all()
        reach = dataset.bounds.size.max() / 2 * 2 ** (dataset.cascades - 1)
        assert reach >= max(np.abs(camera.position).max() for camera in CAMERAS)


class TestLlff:
    @pytest.mark.parametrize("scale", [1, 2])
    def test_poses_and_pictures_in_order_of_their_names(self, tmp_path: Path, scale: int) -> None:
        write_pictures(tmp_path / ("images" if scale == 1 else "images_2"), CAMERAS, scale)
        write_llff(tmp_path, CAMERAS)
        dataset = load_dataset(tmp_path)
        require_same(
            [camera.resized(SIZE // scale, SIZE // scale) for camera in CAMERAS], [v.camera for v in dataset.train]
        )
        assert (np.abs(dataset.bounds.center) < 1.0).all()
        assert all((dataset.bounds.minimum < -0.8).tolist()) and all((dataset.bounds.maximum > 0.8).tolist())

    def test_neighbouring_photographs_are_not_told_of_bounds_that_nobody_named(self, tmp_path: Path) -> None:
        cameras = [look((x, -4.0, 0.0), (x, 0.0, 0.0)) for x in (0.0, 0.02, 0.04)]
        for name in write_pictures(tmp_path / "images", cameras):
            Image.open(tmp_path / "images" / name).convert("RGB").save(tmp_path / "images" / name)
        dataset = load_dataset(write_llff(tmp_path, cameras))
        assert dataset.bounds.size.max() > 15.0 * 0.04  # of how far apart they are
        assert not [warning for warning in dataset.warnings if "times as large" in warning]

    def test_of_folders_with_pictures_the_one_that_fits_is_read(self, tmp_path: Path) -> None:
        write_pictures(tmp_path / "images", CAMERAS[:3])
        write_pictures(tmp_path / "images_2", CAMERAS, scale=2)
        dataset = load_dataset(write_llff(tmp_path, CAMERAS))
        assert [view.color.shape[0] for view in dataset.train] == [SIZE // 2] * 4
        warning_about(dataset, "images holds 3 pictures", "images_2 are read")

    def test_a_picture_too_few_is_refused(self, tmp_path: Path) -> None:
        names = write_pictures(tmp_path / "images", CAMERAS)
        write_llff(tmp_path, CAMERAS)
        (tmp_path / "images" / names[0]).unlink()
        with pytest.raises(DatasetError, match=r"poses of 4 views, and .*images holds 3 pictures"):
            load_dataset(tmp_path)

    @pytest.mark.parametrize(
        ("at", "value", "words"),
        [
            (15, -1.0, "near and far depth must be positive"),
            (14, 0.0, "focal length must be positive"),
            (3, np.nan, "not made of usable numbers"),
        ],
    )
    def test_bad_numbers_are_refused_by_their_view(self, tmp_path: Path, at: int, value: float, words: str) -> None:
        write_pictures(tmp_path / "images", CAMERAS)
        write_llff(tmp_path, CAMERAS)
        rows = np.load(tmp_path / "poses_bounds.npy")
        rows[1, at] = value
        np.save(tmp_path / "poses_bounds.npy", rows)
        with pytest.raises(DatasetError, match=f"view number 2: {words}|view number 2: .*{words}"):
            load_dataset(tmp_path)


def test_a_list_in_json_goes_before_a_reconstruction(tmp_path: Path) -> None:
    write_transforms(tmp_path)
    write_colmap(tmp_path, CAMERAS, ["shot 0.png"] * 4)
    assert load_dataset(tmp_path).train[0].name == "0000"
