"""Whether the bounds hold what the pictures show."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.bounds import Extent, check_coverage, check_size, guess_bounds, guess_photographed_extent, meets_box
from engine.data.formats import load_dataset
from engine.data.views import View
from engine.link.geometry import Bounds
from tests.engine.data.scenes import orbit_camera, sphere_view, write_json, write_nerf_synthetic, write_transforms


def box(center: list[float], half: float) -> Bounds:
    return Bounds(np.array(center) - half, np.array(center) + half)


@pytest.mark.parametrize("depth", [True, False])
class TestCoverage:
    def views(self, depth: bool) -> list:
        return [sphere_view(index, 8, size=48, depth=depth) for index in range(8)]

    def test_a_box_around_the_subject_is_fine(self, depth: bool) -> None:
        assert check_coverage(box([0, 0, 0], 0.85), self.views(depth)) == []

    def test_a_box_beside_the_subject_is_a_warning(self, depth: bool) -> None:
        (warning,) = check_coverage(box([0, 0, 5], 0.5), self.views(depth))
        assert "miss" in warning and "view_" in warning

    def test_a_box_that_cuts_the_subject_is_a_warning(self, depth: bool) -> None:
        assert check_coverage(box([0.5, 0, 0], 0.6), self.views(depth))


def test_opaque_pictures_are_only_wrong_if_no_ray_meets_the_box() -> None:
    views = []
    for index in range(4):
        view = sphere_view(index, 4, depth=False)
        color = view.color.copy()
        color[..., 3] = 1.0
        views.append(dataclasses.replace(view, color=color))
    assert check_coverage(box([0, 0, 0], 0.2), views) == []
    assert check_coverage(box([0, 0, 50], 0.2), views)


@pytest.mark.parametrize("depth", [True, False])
@pytest.mark.parametrize(("half", "is_told"), [(1.0, False), (40.0, False), (100.0, True), (1000.0, True)])
def test_bounds_in_another_unit_are_told(depth: bool, half: float, is_told: bool) -> None:
    views = [sphere_view(index, 8, depth=depth) for index in range(8)]
    told = check_size(box([0, 0, 0], half), views)
    factor = 2 * half / np.ptp([view.camera.position for view in views], axis=0).max()
    words = f"bounds are {factor:.3g} times as large"
    assert [words in each and "correct aabb or scale" in each for each in told] == [True] * is_told


def test_a_room_may_be_far_larger_than_where_its_cameras_are_if_they_see_it() -> None:
    views = [sphere_view(index, 8) for index in range(8)]
    near = [dataclasses.replace(v, camera=dataclasses.replace(v.camera, camera_to_world=_nearer(v))) for v in views]
    assert check_size(box([0, 0, 0], 3.0), near) == []
    assert check_size(box([0, 0, 0], 3.0), [view.without_depth() for view in near])


def _nearer(view: View) -> np.ndarray:
    pose = np.array(view.camera.camera_to_world)
    pose[:3, 3] *= 0.02
    return pose


def test_guessed_bounds_are_centred_where_the_cameras_look() -> None:
    cameras = []
    for index in range(5):
        camera = orbit_camera(index, 5)
        pose = camera.camera_to_world.copy()
        pose[:3, 3] += [3.0, -2.0, 1.0]
        cameras.append(dataclasses.replace(camera, camera_to_world=pose))
    bounds = guess_bounds(cameras)
    np.testing.assert_allclose(bounds.center, [3, -2, 1], atol=1e-9)
    np.testing.assert_allclose(bounds.size, 8.0)


def test_one_camera_is_enough_for_a_guess() -> None:
    assert np.isfinite(guess_bounds([orbit_camera(0, 1)]).size).all()
    assert np.isfinite(guess_photographed_extent([orbit_camera(0, 1)]).bounds.size).all()


@pytest.mark.parametrize("place", [[0.0, 0.0, 0.0], [3.0, -2.0, 1.0], [4e5, 5e6, 100.0]])
@pytest.mark.parametrize("is_photographed", [False, True])
def test_cameras_at_one_place_have_a_box_around_them(tmp_path: Path, place: list[float], is_photographed: bool) -> None:
    """A panorama's, whose positions differ by rounding alone."""
    values = write_transforms(tmp_path, count=4)
    for index, frame in enumerate(values["frames"]):
        pose = np.array(frame["transform_matrix"])
        pose[:3, 3] = np.array(place) * (1 + index * 1e-15) + index * 1e-15
        frame["transform_matrix"] = pose.tolist()
        if is_photographed:
            path = tmp_path / frame["file_path"]
            Image.open(path).convert("RGB").save(path)
    write_json(tmp_path / "transforms.json", values)
    dataset = load_dataset(tmp_path)
    assert (dataset.bounds.size >= 2.0).all() and (dataset.bounds.size < 20.0).all()
    np.testing.assert_allclose(dataset.bounds.center, place, atol=1e-6)
    assert any("stand at one place" in warning and "aabb" in warning for warning in dataset.warnings)


def test_photographs_looking_outward_have_all_cameras_in_the_bounds() -> None:
    cameras = []
    for index in range(8):
        camera = orbit_camera(index, 8)
        pose = camera.camera_to_world.copy()
        pose[:3, [0, 2]] *= -1.0  # the other way round
        cameras.append(dataclasses.replace(camera, camera_to_world=pose))
    extent = guess_photographed_extent(cameras)
    for camera in cameras:
        assert (camera.position >= extent.bounds.minimum).all() and (camera.position <= extent.bounds.maximum).all()
    assert extent.cascades > 4


def test_the_whole_extent_is_a_cube_around_the_bounds() -> None:
    bounds = Bounds(np.array([0.0, 0.0, 0.0]), np.array([4.0, 2.0, 1.0]))
    assert Extent(bounds).whole is bounds
    whole = Extent(bounds, 3).whole
    np.testing.assert_allclose(whole.center, bounds.center)
    np.testing.assert_allclose(whole.size, 16.0)


def test_rays_and_box() -> None:
    directions = np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [1.0, 0.0, -1.0], [0.05, 0.0, -1.0]])
    hits = meets_box(box([0, 0, 0], 1.0), np.array([0.0, 0.0, 10.0]), directions)
    assert hits.tolist() == [True, False, False, True]


class TestNamed:
    @pytest.mark.parametrize("growth", [129, 1e6])
    def test_more_than_there_is_is_told_with_what_is_taken(self, tmp_path: Path, growth: float) -> None:
        write_transforms(tmp_path, aabb_scale=growth)
        dataset = load_dataset(tmp_path)
        (warning,) = dataset.warnings
        assert f"aabb_scale {growth:g} is taken for 128" in warning and dataset.cascades == 8

    def test_the_most_there_is_is_taken_as_it_is(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=128)
        dataset = load_dataset(tmp_path)
        assert dataset.warnings == [] and dataset.cascades == 8

    def test_what_a_box_makes_pointless_is_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb=[[-1, -1, -1], [1, 1, 1]], scale=0.5, offset=[0, 0, 0])
        (warning,) = load_dataset(tmp_path).warnings
        assert "2 values aren't used, as aabb says where the subject lies (scale and offset)" in warning

    def test_a_background_that_one_of_two_lists_names_is_told(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        path = tmp_path / "transforms_test.json"
        write_json(path, json.loads(path.read_text()) | {"white_transparent": True})
        (warning,) = [each for each in load_dataset(tmp_path).warnings if "white" in each and "doesn't" in each]
        assert "transforms_test.json says white_transparent, and transforms_train.json doesn't" in warning

    @pytest.mark.parametrize("where", ["both", "test alone", "train alone", "differing"])
    def test_two_lists_name_the_same_box(self, tmp_path: Path, where: str) -> None:
        write_nerf_synthetic(tmp_path)
        boxes = {"train": 1.25, "test": 1.25 if where != "differing" else 1.5}
        for split, half in boxes.items():
            path = tmp_path / f"transforms_{split}.json"
            if where in ("both", "differing", f"{split} alone"):
                write_json(path, json.loads(path.read_text()) | {"aabb": [[-half] * 3, [half] * 3]})
        dataset = load_dataset(tmp_path)
        np.testing.assert_allclose(dataset.bounds.maximum, 1.25)
        assert ["names other bounds" in each for each in dataset.warnings] == ([True] if where == "differing" else [])


def test_cameras_at_one_place_are_told_also_where_bounds_are_named(tmp_path: Path) -> None:
    values = write_transforms(tmp_path, aabb=[[-1, -1, -1], [1, 1, 1]])
    for frame in values["frames"]:
        for row in range(3):
            frame["transform_matrix"][row][3] = 1.0
    write_json(tmp_path / "transforms.json", values)
    assert any("all 4 cameras stand at one place" in warning for warning in load_dataset(tmp_path).warnings)
