"""Every dataset format, from files made here, and every way in which one can be broken."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data.capture_folder import save_dataset
from engine.data.exr import write_exr
from engine.data.formats import DatasetError, load_dataset
from tests.engine.data.scenes import (
    ANGLE_OF_VIEW,
    orbit_camera,
    sphere_dataset,
    sphere_view,
    write_json,
    write_nerf_synthetic,
)


def write_transforms(folder: Path, count: int = 4, **extra: Any) -> dict[str, Any]:
    """A single transforms.json with global intrinsics and PNG pictures of the sphere; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for index in range(count):
        view = sphere_view(index, count, "srgb")
        Image.fromarray(view.color).save(folder / f"{index:04d}.png")
        frames.append({"file_path": f"{index:04d}.png", "transform_matrix": view.camera.camera_to_world.tolist()})
    camera = orbit_camera(0, count)
    values = {"fl_x": camera.fx, "fl_y": camera.fy, "cx": 12.5, "cy": 11.0, "w": 24, "h": 24, "frames": frames} | extra
    write_json(folder / "transforms.json", values)
    return values


def edit(path: Path, **changes: Any) -> None:
    """Change fields of the first frame of a transforms file."""
    values = json.loads(path.read_text())
    values["frames"][0] |= changes
    write_json(path, values)


class TestNerfSynthetic:
    def test_reads_both_splits_with_paths_without_extension(self, tmp_path: Path) -> None:
        dataset = load_dataset(write_nerf_synthetic(tmp_path))
        assert (len(dataset.train), len(dataset.test), dataset.color_space) == (4, 2, "srgb")
        assert dataset.warnings == []
        view = dataset.train[1]
        truth = sphere_view(1, 4, "srgb")
        np.testing.assert_array_equal(view.color, truth.color)
        np.testing.assert_allclose(view.camera.camera_to_world, truth.camera.camera_to_world)
        assert view.camera.fx == view.camera.fy == pytest.approx(12 / math.tan(ANGLE_OF_VIEW / 2))
        assert (view.camera.cx, view.camera.cy) == (12, 12)

    def test_pictures_may_have_been_re_encoded_as_webp(self, tmp_path: Path) -> None:
        dataset = load_dataset(write_nerf_synthetic(tmp_path, suffix=".webp"))
        np.testing.assert_array_equal(dataset.test[0].color[..., 3], sphere_view(0, 2, "srgb").color[..., 3])

    def test_bounds_are_the_benchmarks(self, tmp_path: Path) -> None:
        bounds = load_dataset(write_nerf_synthetic(tmp_path)).bounds
        assert bounds.minimum.tolist() == [-1.5] * 3 and bounds.maximum.tolist() == [1.5] * 3

    def test_names_are_unique_over_the_splits(self, tmp_path: Path) -> None:
        names = [view.name for view in load_dataset(write_nerf_synthetic(tmp_path)).views]
        assert names[0] == "train_r_0" and names[-1] == "test_r_1" and len(set(names)) == 6

    def test_holdout_is_refused_in_words_where_there_is_a_test_split(self, tmp_path: Path) -> None:
        dataset = load_dataset(write_nerf_synthetic(tmp_path), holdout=2)
        assert len(dataset.test) == 2 and "test split of its own" in dataset.warnings[0]


class TestTransformsJson:
    def test_global_intrinsics_and_instant_ngps_cube(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=2)
        dataset = load_dataset(tmp_path)
        camera = dataset.train[0].camera
        assert (camera.cx, camera.cy, camera.width) == (12.5, 11.0, 24)
        # An edge of 1 in its space, one world unit being 0.33 there, around 0.5, which is the world's origin. The scene
        # around it has an edge of 2.
        np.testing.assert_allclose(dataset.bounds.maximum, 0.5 / 0.33)
        np.testing.assert_allclose(dataset.bounds.minimum, -0.5 / 0.33)
        assert dataset.cascades == 2
        assert dataset.warnings == []

    @pytest.mark.parametrize(
        ("aabb_scale", "edge", "cascades"), [(0.5, 0.5, 1), (1, 1.0, 1), (3, 1.0, 3), (16, 1.0, 5), (4096, 1.0, 8)]
    )
    def test_aabb_scale_is_the_scene_around_the_bounds(
        self, tmp_path: Path, aabb_scale: float, edge: float, cascades: int
    ) -> None:
        write_transforms(tmp_path, aabb_scale=aabb_scale, aabb=[[1, 2, 3], [3, 4, 5]])
        dataset = load_dataset(tmp_path)
        np.testing.assert_allclose(dataset.bounds.size, 2 * edge)
        np.testing.assert_allclose(dataset.bounds.center, [2, 3, 4])
        assert dataset.cascades == cascades

    def test_scale_and_offset_move_the_cube(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, scale=0.25, offset=[0.5, 0.25, 0.75])
        bounds = load_dataset(tmp_path).bounds
        np.testing.assert_allclose(bounds.center, [0.0, 1.0, -1.0])
        np.testing.assert_allclose(bounds.size, 4.0)

    def test_frame_intrinsics_win_and_distortion_is_kept(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, k1=0.1, p2=-0.01)
        edit(tmp_path / "transforms.json", fl_x=50.0, k1=0.2)
        first, second = load_dataset(tmp_path).train[:2]
        assert (first.camera.fx, first.camera.k1, first.camera.p2) == (50.0, 0.2, -0.01)
        assert second.camera.k1 == 0.1

    def test_angle_of_view_per_axis(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        for field in ("fl_x", "fl_y", "w", "h", "cx", "cy"):
            del values[field]
        write_json(
            tmp_path / "transforms.json", values | {"camera_angle_x": math.pi / 2, "camera_angle_y": math.pi / 3}
        )
        camera = load_dataset(tmp_path).train[0].camera
        assert camera.fx == pytest.approx(12.0) and camera.fy == pytest.approx(12 * math.sqrt(3))

    def test_holdout_takes_every_kth_view(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, count=7, aabb_scale=1)
        dataset = load_dataset(tmp_path, holdout=3)
        assert [view.name for view in dataset.test] == ["0000", "0003", "0006"]
        assert [view.name for view in dataset.train] == ["0001", "0002", "0004", "0005"]
        assert all(view.split == "test" for view in dataset.test)

    def test_nerfstudios_split_lists(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, train_filenames=["0000.png"], val_filenames=["0002.png"])
        assert [view.name for view in load_dataset(tmp_path).test] == ["0002"]

    def test_applied_transform_is_already_in_the_poses(self, tmp_path: Path) -> None:
        swap = [[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]]
        write_transforms(tmp_path, aabb_scale=1, applied_transform=swap)
        pose = load_dataset(tmp_path).train[2].camera.camera_to_world
        np.testing.assert_array_equal(pose, orbit_camera(2, 4).camera_to_world)

    def test_bounds_are_guessed_with_a_warning_where_the_file_has_none(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, count=6)
        dataset = load_dataset(tmp_path)
        np.testing.assert_allclose(dataset.bounds.center, 0.0, atol=1e-6)
        assert any("no bounds" in warning for warning in dataset.warnings)
        assert dataset.cascades == 1  # the pictures are transparent around the subject

    def test_photographs_without_bounds_get_cascades_around_what_they_look_at(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, count=6)
        for path in tmp_path.glob("*.png"):
            Image.open(path).convert("RGB").save(path)
        dataset = load_dataset(tmp_path)
        np.testing.assert_allclose(dataset.bounds.center, 0.0, atol=1e-6)
        distance = np.linalg.norm(dataset.train[0].camera.position)
        np.testing.assert_allclose(dataset.bounds.size, 0.76 * distance)
        assert 2 ** (dataset.cascades - 1) * dataset.bounds.size[0] / 2 > 4 * distance

    def test_integer_depth_is_scaled_and_zero_means_unknown(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, integer_depth_scale=0.01)
        depth = np.zeros((24, 24), np.uint16)
        depth[3, 4] = 250
        Image.fromarray(depth).save(tmp_path / "d.png")
        edit(tmp_path / "transforms.json", depth_file_path="d.png")
        read = load_dataset(tmp_path).train[0].depth
        assert read is not None and read[3, 4] == pytest.approx(2.5) and np.isinf(read[0, 0])

    def test_a_file_may_be_named_itself_and_hold_windows_paths(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        edit(tmp_path / "transforms_train.json", file_path=".\\train\\r_0")
        dataset = load_dataset(tmp_path / "transforms_train.json", holdout=2)
        np.testing.assert_array_equal(dataset.test[0].color, sphere_view(0, 4, "srgb").color)

    def test_rgb_pictures_are_opaque(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        for path in tmp_path.glob("*.png"):
            Image.open(path).convert("RGB").save(path)
        assert (load_dataset(tmp_path).train[0].color[..., 3] == 255).all()

    def test_16_bit_grey_becomes_8_bit(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, count=1, aabb_scale=1)
        Image.fromarray(np.full((24, 24), 257 * 100, np.uint16)).save(tmp_path / "0000.png")
        assert (load_dataset(tmp_path).train[0].color[0, 0] == [100, 100, 100, 255]).all()

    def test_progress_counts_to_all(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        seen: list[tuple[int, int]] = []
        load_dataset(tmp_path, progress=lambda done, total: seen.append((done, total)))
        assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


class TestCaptureFolder:
    @pytest.mark.parametrize("color_space", ["linear", "srgb"])
    def test_comes_back_as_it_was_written(self, tmp_path: Path, color_space: Any) -> None:
        written = sphere_dataset(color_space=color_space)
        save_dataset(tmp_path, written)
        read = load_dataset(tmp_path)
        assert read.color_space == color_space and read.warnings == []
        assert read.bounds.to_json() == written.bounds.to_json()
        assert [view.name for view in read.test] == [view.name for view in written.test]
        for ours, theirs in zip(read.views, written.views, strict=True):
            assert ours.camera.to_json() == theirs.camera.to_json() and ours.split == theirs.split
            np.testing.assert_array_equal(ours.color, theirs.color)
            np.testing.assert_array_equal(ours.depth, theirs.depth)

    def test_pictures_as_blender_writes_them(self, tmp_path: Path) -> None:
        script = Path(__file__).parents[3] / "blender_addon" / "picture_files" / "exr.py"  # its package needs Blender
        spec = importlib.util.spec_from_file_location("addon_exr", script)
        assert spec is not None and spec.loader is not None
        addon_exr = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(addon_exr)
        written = sphere_dataset()
        save_dataset(tmp_path, written)
        view = written.train[1]
        planes = {channel: view.color[..., index] for index, channel in enumerate("RGBA")}
        addon_exr.write_exr(tmp_path / "images/view_001.exr", planes)
        addon_exr.write_exr(tmp_path / "depth/view_001.exr", {"V": view.depth})
        read = load_dataset(tmp_path).train[1]
        np.testing.assert_array_equal(read.color, view.color)
        np.testing.assert_array_equal(read.depth, view.depth)

    def test_without_held_out_views(self, tmp_path: Path) -> None:
        save_dataset(tmp_path, sphere_dataset(held_out=0))
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 6 and dataset.test == []

    def test_blenders_far_value_means_nothing_there(self, tmp_path: Path) -> None:
        save_dataset(tmp_path, sphere_dataset())
        write_exr(tmp_path / "depth/view_000.exr", {"V": np.full((24, 24), 1e10, np.float32)})
        depth = load_dataset(tmp_path).train[0].depth
        assert depth is not None and np.isinf(depth).all()

    def test_bright_float_pictures_are_clamped_to_half(self, tmp_path: Path) -> None:
        save_dataset(tmp_path, sphere_dataset())
        write_exr(tmp_path / "images/view_000.exr", {"RGB": np.full((24, 24, 3), 1e6, np.float32)})
        color = load_dataset(tmp_path).train[0].color
        assert color.dtype == np.float16 and color[0, 0].tolist() == [65504, 65504, 65504, 1]

    def test_unwritable_folder(self, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("a file")
        with pytest.raises(DatasetError, match="taken"):
            save_dataset(tmp_path / "taken", sphere_dataset())


class TestBadInput:
    """One clear error each, naming what is at fault."""

    def refused(self, path: Path, *words: str) -> None:
        with pytest.raises(DatasetError) as caught:
            load_dataset(path)
        for word in words:
            assert word in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_no_such_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "nowhere", "nowhere", "no such folder")

    def test_folder_without_a_dataset(self, tmp_path: Path) -> None:
        self.refused(tmp_path, "transforms.json", str(tmp_path))

    @pytest.mark.parametrize(
        ("content", "word"),
        [
            (b"{broken", "line 1"),
            (b"\xff\xfe\x00", "UTF-8"),
            (b"[]", "expected a JSON object"),
            (b"{}", "frames"),
            (b'{"frames": []}', "no views"),
            (b'{"frames": [3]}', "frame 0"),
            (b'{"frames": [{}]}', "file_path"),
            (b'{"frames": [{"file_path": "."}]}', "file_path"),
            (b"[" * 100_000, "nested"),
        ],
    )
    def test_json_that_is_none_or_holds_no_frames(self, tmp_path: Path, content: bytes, word: str) -> None:
        (tmp_path / "transforms.json").write_bytes(content)
        self.refused(tmp_path, "transforms.json", word)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"transform_matrix": [[math.nan] * 4] * 4}, ["NaN"]),
            ({"transform_matrix": [[0.0] * 4] * 4}, ["no inverse"]),
            ({"transform_matrix": [[1, 2], [3]]}, ["transform_matrix"]),
            ({"transform_matrix": None}, ["transform_matrix"]),
            ({"fl_x": 0}, ["fx", "focal length"]),
            ({"fl_x": "wide"}, ["fl_x", "wide"]),
            ({"w": 0}, ["width"]),
            ({"w": 100_000}, ["width", "100000"]),
            ({"w": 10.5}, ["w", "10.5"]),
            ({"w": 30}, ["0000.png is 24x24", "30x24"]),
            ({"file_path": "gone.png"}, ["gone.png", "missing"]),
            ({"camera_model": "OPENCV_FISHEYE"}, ["FISHEYE"]),
            ({"depth_file_path": "no.exr"}, ["no.exr", "missing"]),
        ],
    )
    def test_bad_frames(self, tmp_path: Path, change: dict[str, Any], words: list[str]) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        edit(tmp_path / "transforms.json", **change)
        self.refused(tmp_path, *words)

    @pytest.mark.parametrize("angle", [0.0, -1.0, 3.2])
    def test_impossible_angle_of_view(self, tmp_path: Path, angle: float) -> None:
        write_nerf_synthetic(tmp_path)
        values = json.loads((tmp_path / "transforms_train.json").read_text()) | {"camera_angle_x": angle}
        write_json(tmp_path / "transforms_train.json", values)
        self.refused(tmp_path, "camera_angle_x", "transforms_train.json")

    def test_no_focal_length(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path)
        del values["fl_x"], values["fl_y"]
        write_json(tmp_path / "transforms.json", values)
        self.refused(tmp_path, "no focal length")

    @pytest.mark.parametrize(
        "extra", [{"aabb": [[0, 0, 0], [1, 0, 1]]}, {"aabb": 4}, {"aabb_scale": -1}, {"offset": "x"}]
    )
    def test_bad_bounds(self, tmp_path: Path, extra: dict[str, Any]) -> None:
        write_transforms(tmp_path, **extra)
        self.refused(tmp_path, next(iter(extra)))

    @pytest.mark.parametrize("name", ["0002.png", "0002.exr"])
    def test_unreadable_picture(self, tmp_path: Path, name: str) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        (tmp_path / name).write_bytes(b"no picture")
        values = json.loads((tmp_path / "transforms.json").read_text())
        values["frames"][2]["file_path"] = name
        write_json(tmp_path / "transforms.json", values)
        self.refused(tmp_path, name)

    def test_truncated_picture(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        path = tmp_path / "0001.png"
        path.write_bytes(path.read_bytes()[:-60])
        self.refused(tmp_path, "0001.png")

    def test_nan_in_a_picture(self, tmp_path: Path) -> None:
        save_dataset(tmp_path, sphere_dataset())
        write_exr(tmp_path / "images/view_001.exr", {"RGBA": np.full((24, 24, 4), np.nan, np.float16)})
        self.refused(tmp_path, "view_001.exr", "NaN")

    def test_depth_of_another_size(self, tmp_path: Path) -> None:
        save_dataset(tmp_path, sphere_dataset())
        write_exr(tmp_path / "depth/view_001.exr", {"V": np.ones((5, 5), np.float32)})
        self.refused(tmp_path, "view_001", "depth")

    def test_mixed_kinds_of_pictures(self, tmp_path: Path) -> None:
        save_dataset(tmp_path, sphere_dataset())
        Image.fromarray(sphere_view(1, 6, "srgb").color).save(tmp_path / "images/view_001.png")
        values = json.loads((tmp_path / "transforms_train.json").read_text())
        values["frames"][1]["file_path"] = "images/view_001.png"
        write_json(tmp_path / "transforms_train.json", values)
        self.refused(tmp_path, "view_001", "one kind")

    def test_color_space_that_contradicts_the_pictures(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, color_space="linear")
        self.refused(tmp_path, "color_space", "srgb")

    def test_all_views_empty(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        for path in tmp_path.glob("*.png"):
            Image.new("RGBA", (24, 24)).save(path)
        self.refused(tmp_path, "all views are empty")

    @pytest.mark.parametrize("holdout", [0, 1, -3])
    def test_holdout_must_leave_views(self, tmp_path: Path, holdout: int) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        with pytest.raises(DatasetError, match="holdout"):
            load_dataset(tmp_path, holdout=holdout)
