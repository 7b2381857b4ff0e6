"""What lists of views say besides cameras: splits, backgrounds, bounds, and values that nobody knows."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from engine.data.bounds import guess_bounds, guess_photographed_extent
from engine.data.formats import DatasetError, load_dataset
from engine.link.geometry import Camera
from tests.engine.data.scenes import (
    edit_first_frame,
    orbit_camera,
    warning_about,
    write_json,
    write_nerf_synthetic,
    write_transforms,
)


class TestFiles:
    def test_a_validation_list_holds_out_where_there_is_no_test_list(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        (tmp_path / "transforms_test.json").rename(tmp_path / "transforms_val.json")
        dataset = load_dataset(tmp_path)
        assert len(dataset.test) == 2 and dataset.warnings == []

    def test_a_list_that_is_not_read_is_told(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        for name in ("transforms_val.json", "transforms.json"):
            (tmp_path / name).write_bytes((tmp_path / "transforms_test.json").read_bytes())
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (4, 2)
        assert ["transforms.json" in warning for warning in dataset.warnings] == [True, False]
        assert "transforms_val.json" in dataset.warnings[1]

    def test_a_single_list_beside_a_test_list(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        (tmp_path / "transforms_train.json").rename(tmp_path / "transforms.json")
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (4, 2)

    def test_utf_16_as_windows_writes_it(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        text = (tmp_path / "transforms.json").read_text()
        (tmp_path / "transforms.json").write_text(text, encoding="utf-16")
        assert len(load_dataset(tmp_path).train) == 4


class TestNerfSyntheticsFormat:
    """Other programs write it, too, of scenes of any size."""

    @staticmethod
    def scale(folder: Path, factor: float) -> None:
        for path in folder.glob("transforms_*.json"):
            values = json.loads(path.read_text())
            for frame in values["frames"]:
                for row in range(3):
                    frame["transform_matrix"][row][3] *= factor
            write_json(path, values)

    @pytest.mark.parametrize("factor", [0.05, 3.0])
    def test_bounds_of_a_scene_of_another_size_are_guessed(self, tmp_path: Path, factor: float) -> None:
        write_nerf_synthetic(tmp_path)
        self.scale(tmp_path, factor)
        dataset = load_dataset(tmp_path)
        np.testing.assert_allclose(dataset.bounds.size, 8.0 * factor, rtol=0.01)
        assert len(dataset.warnings) == 1 and "no bounds" in dataset.warnings[0]

    def test_photographs_have_surroundings(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        for path in tmp_path.rglob("*.png"):
            Image.open(path).convert("RGB").save(path)
        assert load_dataset(tmp_path).cascades > 1


class TestOtherFormats:
    def test_a_zip_is_to_be_unpacked(self, tmp_path: Path) -> None:
        write_transforms(tmp_path / "a")
        with ZipFile(tmp_path / "export.zip", "w") as archive:
            archive.write(tmp_path / "a/transforms.json", "transforms.json")
        with pytest.raises(DatasetError, match=r"export\.zip: .*zip archive: unpack it"):
            load_dataset(tmp_path / "export.zip")
        (tmp_path / "b").mkdir()
        (tmp_path / "export.zip").rename(tmp_path / "b/export.zip")
        with pytest.raises(DatasetError, match=r"export\.zip: unpack"):
            load_dataset(tmp_path / "b")

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("poses_bounds_2.npy", "LLFF"),
            ("sparse/0/cameras.bin", "COLMAP"),
            ("database.db", "COLMAP"),
            ("cameras_sphere.npz", "NeuS"),
            ("mesh_info.json", "Polycam"),
            ("cams/00000000_cam.txt", "MVSNet"),
            ("bundle.out", "Bundler"),
            ("scan.ply", "splats"),
            ("walk.mp4", "video"),
            ("images/1.jpg", "without their cameras"),
            ("transforms.json.gz", "transforms.json.gz: unpack"),
            ("sub/transforms_train.json", "in sub: give that one"),
            ("cameras.json", "Gaussian splatting"),
        ],
    )
    def test_folders_are_told_by_what_is_in_them(self, tmp_path: Path, name: str, words: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(DatasetError, match=words):
            load_dataset(tmp_path)

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("a.tar.gz", b"\x1f\x8b\x08\x00", "gzip"),
            ("a.7z", b"7z\xbc\xaf\x27\x1c", "7z"),
            ("poses_bounds.npy", b"\x93NUMPY", "numpy"),
            ("a.ply", b"ply\nformat", "points"),
            ("a.mov", b"\0\0\0\x14ftypqt", "video"),
            ("cameras.xml", b"<?xml version", "Metashape"),
            ("transforms.json", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ],
    )
    def test_files_too(self, tmp_path: Path, name: str, content: bytes, words: str) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=words):
            load_dataset(tmp_path / name)


class TestBackgrounds:
    @pytest.mark.parametrize(("flag", "value"), [("white_transparent", 255), ("black_transparent", 0)])
    def test_a_flat_background_becomes_transparent(self, tmp_path: Path, flag: str, value: int) -> None:
        write_transforms(tmp_path, **{flag: True})
        for path in tmp_path.glob("*.png"):
            pixels = np.array(Image.open(path))
            pixels[pixels[..., 3] == 0] = value
            Image.fromarray(pixels[..., :3]).save(path)
        dataset = load_dataset(tmp_path)
        assert dataset.cascades == 1
        alpha = dataset.train[0].color[..., 3]
        assert set(np.unique(alpha)) == {0, 255} and alpha[0, 0] == 0 and alpha[12, 12] == 255
        assert len(dataset.warnings) == 1 and "bounds" in dataset.warnings[0]

    def test_where_no_pixel_is_of_that_colour_it_is_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, white_transparent=1)
        for path in tmp_path.glob("*.png"):
            Image.new("RGB", (24, 24), (254, 254, 254)).save(path)
        (warning,) = load_dataset(tmp_path).warnings
        assert "white_transparent" in warning and "(4, first" in warning

    def test_what_lossy_compression_left_of_a_background_is_told(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1, white_transparent=True)
        for frame in values["frames"]:
            pixels = np.array(Image.open(tmp_path / frame["file_path"]))
            pixels[pixels[..., 3] == 0] = 255
            frame["file_path"] = frame["file_path"].replace("png", "jpg")
            Image.fromarray(pixels[..., :3]).save(tmp_path / frame["file_path"], quality=40)
        write_json(tmp_path / "transforms.json", values)
        (warning,) = load_dataset(tmp_path).warnings
        assert "more is nearly white than exactly (4, first 0000.jpg)" in warning

    @pytest.mark.parametrize("flag", ["white_background", "is_background_black", "mask_color", "background_color"])
    def test_flags_of_other_programs_are_named(self, tmp_path: Path, flag: str) -> None:
        write_transforms(tmp_path, aabb_scale=1, **{flag: True})
        (warning,) = load_dataset(tmp_path).warnings
        assert flag in warning and "1 value isn't used" in warning


class TestTimes:
    """Of a scene that moves, as D-NeRF's do."""

    @pytest.mark.parametrize("times", [[0.0, 0.5, 0.5, 1.0], [0.0] * 4])
    def test_frames_of_several_times_are_told(self, tmp_path: Path, times: list[float]) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        for frame, time in zip(values["frames"], times, strict=True):
            frame["time"] = time
        write_json(tmp_path / "transforms.json", values)
        (warning,) = load_dataset(tmp_path).warnings
        if len(set(times)) > 1:
            assert "frames are of 3 times, 0 to 1" in warning and "list those of one time" in warning
        else:
            assert "time (in 4 of 4 frames)" in warning


class TestPoses:
    @pytest.mark.parametrize("scale", [(2.0, 2.0, 2.0), (0.01, 0.02, 3.0)])
    def test_a_scale_is_left_out(self, tmp_path: Path, scale: tuple[float, float, float]) -> None:
        """As of a camera in Blender that is scaled, or parented to what is: its renders are the same."""
        write_transforms(tmp_path, aabb_scale=1)
        plain = load_dataset(tmp_path)
        assert plain.warnings == []
        pose = plain.train[0].camera.camera_to_world @ np.diag([*scale, 1.0])
        edit_first_frame(tmp_path / "transforms.json", transform_matrix=pose.tolist())
        dataset = load_dataset(tmp_path)
        read, wanted = (each.train[0].camera.camera_to_world for each in (dataset, plain))
        np.testing.assert_allclose(read, wanted, atol=1e-12)
        (warning,) = dataset.warnings
        assert "poses with a scale (1, first 0000.png: axes" in warning and f"{scale[2]:g} long" in warning

    def test_a_shear_is_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        pose = load_dataset(tmp_path).train[0].camera.camera_to_world.copy()
        pose[:3, 1] = pose[:3, 1] * math.cos(0.1) + pose[:3, 0] * math.sin(0.1)
        edit_first_frame(tmp_path / "transforms.json", transform_matrix=pose.tolist())
        (warning,) = load_dataset(tmp_path).warnings
        assert "poses that are sheared (1, first 0000.png: axes up to 5.7 degrees" in warning

    def test_a_matrix_filled_up_with_zeros(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        pose = load_dataset(tmp_path).train[0].camera.camera_to_world
        edit_first_frame(tmp_path / "transforms.json", transform_matrix=[*pose[:3].tolist(), [0, 0, 0, 0]])
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].camera.camera_to_world, pose)

    def test_what_is_transposed_is_refused(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        pose = load_dataset(tmp_path).train[0].camera.camera_to_world
        edit_first_frame(tmp_path / "transforms.json", transform_matrix=pose.T.tolist())
        with pytest.raises(DatasetError, match=r"0000\.png.*transform_matrix.*0 0 0 1: it looks transposed"):
            load_dataset(tmp_path)


class TestLooseValues:
    def test_null_is_as_if_it_were_missing(self, tmp_path: Path) -> None:
        nothing = dict.fromkeys(("camera_model", "k1", "aabb", "scale", "val_filenames", "color_space"))
        write_transforms(tmp_path, aabb_scale=1, **nothing)
        edit_first_frame(tmp_path / "transforms.json", depth_file_path=None, mask_path=None, fl_x=None)
        assert load_dataset(tmp_path).warnings == []

    def test_entries_that_are_null_are_left_out_with_their_number(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, count=4, aabb_scale=1)
        write_json(tmp_path / "transforms.json", values | {"frames": [None, *values["frames"], None]})
        dataset = load_dataset(tmp_path)
        (warning,) = dataset.warnings
        assert len(dataset.train) == 4 and "entries of frames that are null (2, first number 0) are left out" in warning
        write_json(tmp_path / "transforms.json", values | {"frames": [None]})
        with pytest.raises(DatasetError, match="no views"):
            load_dataset(tmp_path)

    def test_a_name_that_is_there_twice_is_refused(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        text = (tmp_path / "transforms.json").read_text()
        (tmp_path / "transforms.json").write_text(text.replace("{", '{"aabb_scale": 2, ', 1))
        with pytest.raises(DatasetError, match=r"transforms\.json.*aabb_scale is there twice in one object"):
            load_dataset(tmp_path)

    def test_a_rolling_shutters_first_pose_is_used(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        for frame in values["frames"]:
            frame["transform_matrix_start"] = frame["transform_matrix_end"] = frame.pop("transform_matrix")
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[1].camera.camera_to_world, orbit_camera(1, 4).camera_to_world)
        assert "(4, first" in dataset.warnings[0] and len(dataset.warnings) == 1

    def test_a_missing_pose_is_called_so(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        del values["frames"][1]["transform_matrix"]
        write_json(tmp_path / "transforms.json", values)
        with pytest.raises(DatasetError, match=r"frame 1 \(0001\.png\): transform_matrix is missing"):
            load_dataset(tmp_path)

    def test_what_is_not_used_is_told_once_by_name_and_count(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, ply_file_path="sparse.ply", sharpness=1, applied_scale=0.5)
        for name, value in (("time", 0.5), ("light\nindex", 3)):
            values = json.loads((tmp_path / "transforms.json").read_text())
            values["frames"][2][name] = value
            write_json(tmp_path / "transforms.json", values)
        (warning,) = load_dataset(tmp_path).warnings
        assert (
            "2 values aren't used" in warning
            and "ply_file_path" not in warning
            and "time (in 1 of 4 frames)" in warning
        )
        assert "\n" not in warning


class TestMirrored:
    @pytest.mark.parametrize("count", [1, 4])
    def test_left_handed_poses_are_told_with_their_number(self, tmp_path: Path, count: int) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        for frame in values["frames"][:count]:
            frame["transform_matrix"] = (np.array(frame["transform_matrix"]) @ np.diag([1, -1, 1, 1])).tolist()
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        warning = warning_about(dataset, "mirrored")
        assert f"poses that are mirrored ({count}, first 0000.png" in warning and "turn it in the file" in warning
        wanted = orbit_camera(0, 4).camera_to_world @ np.diag([1, -1, 1, 1])
        np.testing.assert_allclose(dataset.train[0].camera.camera_to_world, wanted, atol=1e-12)

    def test_a_mirrored_pose_that_is_scaled_is_told_once_for_each(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        pose = np.diag([-2.0, 2.0, 2.0, 1.0])
        edit_first_frame(tmp_path / "transforms.json", transform_matrix=pose.tolist())
        assert [word in " ".join(load_dataset(tmp_path).warnings) for word in ("mirrored", "scale")] == [True, True]


class TestFarAway:
    @pytest.mark.parametrize("guess", [guess_bounds, lambda cameras: guess_photographed_extent(cameras).bounds])
    @pytest.mark.parametrize("are_parallel", [True, False])
    def test_bounds_move_with_the_cameras(self, guess: Any, are_parallel: bool) -> None:
        """Georeferenced poses lie thousands of kilometres from the origin."""
        cameras = []
        for index in range(14):
            camera = orbit_camera(0 if are_parallel else index, 14)
            pose = camera.camera_to_world.copy()
            pose[:3, 3] += [0.0, 0.25 * index, 0.0] if are_parallel else [0.0, 0.0, 0.0]
            cameras.append(pose)
        offset = np.array([455_121.0, 5_411_880.0, 312.0])

        def make(pose: np.ndarray, shift: np.ndarray) -> Camera:
            moved = pose.copy()
            moved[:3, 3] += shift
            return Camera(moved, 24, 24, 28.0, 28.0, 12.0, 12.0)

        here = guess([make(pose, np.zeros(3)) for pose in cameras])
        there = guess([make(pose, offset) for pose in cameras])
        np.testing.assert_allclose(there.minimum - offset, here.minimum, atol=1e-4)
        np.testing.assert_allclose(there.maximum - offset, here.maximum, atol=1e-4)
