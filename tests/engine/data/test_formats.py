"""Every dataset format, from files made here."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.formats import load_dataset
from tests.engine.data.scenes import (
    ANGLE_OF_VIEW,
    edit_first_frame,
    orbit_camera,
    sphere_view,
    write_json,
    write_nerf_synthetic,
    write_transforms,
)


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
        (sentence,) = dataset.about_holdout(2)
        assert len(dataset.test) == 2 and "test split of its own" in sentence and "(2 test views)" in sentence
        assert dataset.about_holdout(None) == [] and sentence not in dataset.warnings


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
        edit_first_frame(tmp_path / "transforms.json", fl_x=50.0, k1=0.2)
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
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="d.png")
        read = load_dataset(tmp_path).train[0].depth
        assert read is not None and read[3, 4] == pytest.approx(2.5) and np.isinf(read[0, 0])

    def test_a_file_may_be_named_itself_and_hold_windows_paths(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        edit_first_frame(tmp_path / "transforms_train.json", file_path=".\\train\\r_0")
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
