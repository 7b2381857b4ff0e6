"""Depth as phones, renderers and other programs write it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from engine.data.depth_images import read_depth
from engine.data.depth_unit import check_depth
from engine.data.exr import write_exr
from engine.data.formats import DatasetError, load_dataset
from engine.data.remarks import Remarks
from engine.data.views import MASKED_DEPTH, UNKNOWN_DEPTH, View
from engine.link.geometry import Camera
from engine.link.projection import pixel_directions
from tests.engine.data.balls import balls_color, balls_depth, orbit
from tests.engine.data.rooms import ring, room_depth
from tests.engine.data.scenes import (
    edit_first_frame,
    orbit_camera,
    sphere_view,
    write_json,
    write_transforms,
)


def make_opaque(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        Image.open(path).convert("RGB").save(path)


def write_depths(folder: Path, count: int, step: float) -> None:
    """A dataset whose views have depth in whole steps of that many metres, 0 where nothing is."""
    values = write_transforms(folder, count=count)
    for index, frame in enumerate(values["frames"]):
        depth = sphere_view(index, count).depth
        assert depth is not None
        steps = np.where(np.isfinite(depth), depth / step, 0).astype(np.int32)
        Image.fromarray(steps if steps.max() > 65535 else steps.astype(np.uint16)).save(folder / f"depth_{index}.tif")
        frame["depth_file_path"] = f"depth_{index}.tif"
    write_json(folder / "transforms.json", values)


def room_view(camera: Camera, made: Callable[[np.ndarray], np.ndarray]) -> View:
    """A view of a room with what is ``made`` of its depth."""
    depth = made(room_depth(camera)).astype(np.float32)
    return View("room", camera, np.full((*depth.shape, 4), 255, np.uint8), "srgb", depth)


def balls_view(camera: Camera, name: str = "balls", is_opaque: bool = True) -> View:
    """A view of three balls, as a photograph before a sky, or with alpha."""
    color = balls_color(camera)
    if is_opaque:
        color[..., 3] = 255
    return View(name, camera, color, "srgb", balls_depth(camera).astype(np.float32))


class TestDepth:
    def test_zero_and_the_largest_step_are_not_known(self, tmp_path: Path) -> None:
        path = tmp_path / "d.png"
        Image.fromarray(np.array([[0, 65535, 2500]], np.uint16)).save(path)
        np.testing.assert_allclose(read_depth(path, 0.001), [[0.0, 0.0, 2.5]])

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_floats_of_any_precision_are_metres(self, tmp_path: Path, dtype: type) -> None:
        tifffile.imwrite(tmp_path / "d.tif", np.array([[2.5, 0.0, np.nan, np.inf]], dtype))
        np.testing.assert_array_equal(read_depth(tmp_path / "d.tif"), [[2.5, 0.0, 0.0, np.inf]])

    @pytest.mark.parametrize("is_capture", [False, True])
    def test_minus_infinity_is_a_mask_in_captures_of_our_own_alone(self, tmp_path: Path, is_capture: bool) -> None:
        own = {"color_space": "srgb"} if is_capture else {}
        write_transforms(tmp_path, count=2, aabb_scale=1, **own)
        depth = np.full((24, 24), 2.0, np.float32)
        depth[0] = -np.inf
        write_exr(tmp_path / "d.exr", {"V": depth})
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="d.exr")
        read = load_dataset(tmp_path).train[0].depth
        assert read is not None and (read[0] == (MASKED_DEPTH if is_capture else np.inf)).all()

    def test_numbers_below_0_are_not_known_and_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, count=3, aabb_scale=1)
        make_opaque(tmp_path)
        values = json.loads((tmp_path / "transforms.json").read_text())
        np.save(tmp_path / "d.npy", np.full((24, 24), -2.0, np.float32))
        for frame in values["frames"][:2]:
            frame["depth_file_path"] = "d.npy"
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].depth is not None and (dataset.train[0].depth == 0.0).all()
        (warning,) = dataset.warnings
        assert "below 0" in warning and "(2, first 0000.png)" in warning and "other sign" in warning

    def test_metres_as_floats(self, tmp_path: Path) -> None:
        metres = np.array([[1.5, 0.0, -1.0, np.nan, np.inf, 1e10]], np.float32)
        wanted = [[1.5, 0, -1, 0, np.inf, np.inf]]
        write_exr(tmp_path / "d.exr", {"Z": metres})
        np.save(tmp_path / "d.npy", metres)
        Image.fromarray(metres).save(tmp_path / "d.tiff")
        for suffix in ("exr", "npy", "tiff"):
            np.testing.assert_array_equal(read_depth(tmp_path / f"d.{suffix}", 0.001), wanted)

    @pytest.mark.parametrize(
        ("unit", "of_integers", "of_floats"),
        [
            ({}, 0.001, 1.0),
            ({"integer_depth_scale": 0.01}, 0.01, 1.0),
            ({"depth_unit_scale_factor": 0.1}, 0.1, 0.1),
            ({"depth_unit_scale_factor": 0.1, "integer_depth_scale": 0.01}, 0.1, 0.1),
        ],
    )
    def test_units(self, tmp_path: Path, unit: dict[str, float], of_integers: float, of_floats: float) -> None:
        write_transforms(tmp_path, aabb_scale=1, **unit)
        make_opaque(tmp_path)
        Image.fromarray(np.full((24, 24), 500, np.uint16)).save(tmp_path / "d.png")
        write_exr(tmp_path / "e.exr", {"V": np.full((24, 24), 3.0, np.float32)})
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="d.png")
        depth = load_dataset(tmp_path).train[0].depth
        assert depth is not None and depth[0, 0] == pytest.approx(500 * of_integers)
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="e.exr")
        depth = load_dataset(tmp_path).train[0].depth
        assert depth is not None and depth[0, 0] == pytest.approx(3.0 * of_floats)

    @pytest.mark.parametrize(
        ("written", "factor"),
        [(1e-3, None), (1e-2, "10"), (1e-4, "0.1"), (1e-5, "0.01"), (0.3048, "316"), (0.03, "31.6")],
    )
    def test_a_unit_that_is_not_the_poses_is_told(self, tmp_path: Path, written: float, factor: str | None) -> None:
        """Depth in steps of another length than the millimetres that it is read in."""
        write_depths(tmp_path, 12, written)
        dataset = load_dataset(tmp_path)
        warnings = [warning for warning in dataset.warnings if "doesn't fit the poses" in warning]
        assert len(warnings) == (factor is not None)
        assert all((view.depth is None) == (factor is not None) for view in dataset.train)
        assert factor is None or f"multiplied by {factor}; name its unit as integer_depth_scale" in warnings[0]

    @pytest.mark.parametrize(
        ("made", "words"),
        [
            (lambda depth: depth, None),
            (lambda depth: 2.0 / depth, "if it is inverse depth, of which"),
            (lambda depth: (depth - depth.min()) / (depth.max() - depth.min()), "normalised picture by picture"),
            (lambda depth: 1.0 - depth / depth.max(), "normalised picture by picture"),
            (lambda depth: 1000.0 * depth, "if it is multiplied by 0.001"),  # so far away that all of it agrees
            (lambda depth: np.random.default_rng(0).uniform(1.0, 9.0, depth.shape), "integer_depth_scale or"),
        ],
    )
    def test_what_fits_in_no_unit_is_not_used(
        self, made: Callable[[np.ndarray], np.ndarray], words: str | None
    ) -> None:
        """Depth of a room."""
        views = [room_view(camera, made) for camera in ring(12, 2.0, 0.0)]
        remarks = Remarks()
        checked = check_depth(views, remarks)
        assert all((view.depth is None) == (words is not None) for view in checked)
        assert [words in sentence for sentence in remarks.sentences()] == [True] * (words is not None)
        assert words is None or "the depth of 12 pictures isn't used" in remarks.sentences()[0]

    @pytest.mark.parametrize(("factor", "told"), [(0.85, "1.17"), (1.2, "0.837"), (1.003, None)])
    def test_depth_that_is_off_by_little_is_told_and_used(self, factor: float, told: str | None) -> None:
        views = [room_view(camera, lambda depth: factor * depth) for camera in ring(12, 2.0, 0.0)]
        remarks = Remarks()
        assert all(view.depth is not None for view in check_depth(views, remarks))
        assert len(remarks.sentences()) == (told is not None)
        assert all("the depth of 12 pictures fits the poses to" in each for each in remarks.sentences())
        assert all(f"multiplied by {told}" in each and "integer_depth_scale" in each for each in remarks.sentences())

    @pytest.mark.parametrize(("offset", "told"), [(0.0, None), (0.02, None), (1.0, "-0.9"), (-0.8, "+0.8")])
    def test_an_offset_is_told(self, offset: float, told: str | None) -> None:
        views = [room_view(camera, lambda depth: depth + offset) for camera in ring(12, 2.0, 0.0)]
        remarks = Remarks()
        assert all(view.depth is not None for view in check_depth(views, remarks))
        assert [f"if {told}" in each and "m are added" in each for each in remarks.sentences()] == [True] * bool(told)

    @pytest.mark.parametrize(("shift", "word"), [(1, "next"), (-1, "previous")])
    def test_depth_of_another_frame_is_told_and_not_used(self, shift: int, word: str) -> None:
        cameras = [ring(14, 1.5, 0.3)[at] for at in np.random.default_rng(0).permutation(14)]
        views = [balls_view(camera) for camera in cameras]
        shifted = [dataclasses.replace(view, depth=views[(at + shift) % 14].depth) for at, view in enumerate(views)]
        remarks = Remarks()
        assert all(view.depth is None or not np.isfinite(view.depth).any() for view in check_depth(shifted, remarks))
        (sentence,) = remarks.sentences()
        assert f"that of the {word} frames of the list" in sentence and "depth_file_path" in sentence

    def test_single_pictures_of_another_frame_are_told_and_not_used(self) -> None:
        views = [balls_view(camera, f"{at}") for at, camera in enumerate(orbit(16))]
        views[3], views[7] = (
            dataclasses.replace(views[at], depth=views[other].depth) for at, other in ((3, 7), (7, 3))
        )
        remarks = Remarks()
        checked = check_depth(views, remarks)
        assert [view.name for view in checked if view.depth is None] == ["3", "7"]
        (sentence,) = remarks.sentences()
        assert "fit no other view (2 of 16, first 3: " in sentence and "depth_file_path" in sentence

    def test_depth_that_has_nothing_where_a_picture_shows_something(self) -> None:
        views = [balls_view(camera, f"{at}", is_opaque=False) for at, camera in enumerate(orbit(16))]
        views[5] = dataclasses.replace(views[5], depth=views[12].depth)
        remarks = Remarks()
        checked = check_depth(views, remarks)
        assert checked[5].depth is None and all(view.depth is not None for view in checked[:5])
        (sentence,) = remarks.sentences()
        assert "have nothing where their pictures show something (1, first 5: at" in sentence

    def test_a_sky_is_nothing_that_photographs_show(self) -> None:
        views = [balls_view(camera) for camera in orbit(16)]
        remarks = Remarks()
        assert all(view.depth is not None for view in check_depth(views, remarks)) and remarks.sentences() == []

    def test_a_subject_whose_depth_is_normalised(self) -> None:
        views = [sphere_view(index, 12) for index in range(12)]
        for view in views:
            assert view.depth is not None
            there = np.isfinite(view.depth)
            near, far = view.depth[there].min(), view.depth[there].max()
            view.depth[there] = 0.01 + 0.98 * (view.depth[there] - near) / (far - near)
        remarks = Remarks()
        assert all(view.depth is None for view in check_depth(views, remarks))
        assert "normalised picture by picture" in remarks.sentences()[0]

    def test_views_that_share_little_keep_their_depth(self) -> None:
        """Of opposite sides of a subject, which nothing can tell of."""
        views = [sphere_view(index, 4) for index in (0, 2)]
        remarks = Remarks()
        assert all(view.depth is not None for view in check_depth(views, remarks)) and remarks.sentences() == []

    def test_single_pictures_in_another_unit_are_told(self) -> None:
        cameras = ring(12, 2.0, 0.0)
        views = [room_view(camera, lambda depth: depth) for camera in cameras[:10]]
        views += [room_view(camera, lambda depth: 1000.0 * depth) for camera in cameras[10:]]
        remarks = Remarks()
        check_depth(views, remarks)
        (sentence,) = [each for each in remarks.sentences() if "another size" in each]
        assert "(2, first room: " in sentence and "in that of the others" in sentence

    def test_what_is_masked_stays_so(self) -> None:
        views = [room_view(camera, lambda depth: 2.0 / depth) for camera in ring(12, 2.0, 0.0)]
        for view in views:
            assert view.depth is not None
            view.depth[:4] = MASKED_DEPTH
        for view in check_depth(views, Remarks()):
            assert view.valid is not None and not view.valid[:4].any() and view.valid[4:].all()
            assert view.depth is not None and (view.depth[4:] == UNKNOWN_DEPTH).all()

    @pytest.mark.parametrize("is_along_rays", [False, True])
    def test_distances_along_rays_are_made_planar(self, is_along_rays: bool) -> None:
        """A room that is a sphere of 4 m, seen from near its middle."""
        views, planar = [], []
        for index in range(6):
            camera = dataclasses.replace(orbit_camera(index, 6, 48, distance=0.5), fx=24.0, fy=24.0)
            y, x = np.mgrid[:48, :48] + 0.5
            rays = pixel_directions(camera, x, y) @ camera.camera_to_world[:3, :3].T
            length = np.linalg.norm(rays, axis=-1)
            rays /= length[..., None]
            ahead = rays @ camera.position
            distance = np.sqrt(ahead**2 - camera.position @ camera.position + 16.0) - ahead
            planar.append(distance / length)
            depth = (distance if is_along_rays else planar[-1]).astype(np.float32)
            views.append(View(f"{index}", camera, np.full((48, 48, 4), 255, np.uint8), "srgb", depth))
        remarks = Remarks()
        for view, wanted in zip(check_depth(views, remarks), planar, strict=True):
            np.testing.assert_allclose(view.depth, wanted, rtol=1e-5)
        assert ["distances along rays" in sentence for sentence in remarks.sentences()] == [True] * is_along_rays

    def test_pictures_of_depth_that_say_nothing_are_told(self, tmp_path: Path) -> None:
        """Grey values of 8 bits for people to look at, and no depth at all."""
        write_transforms(tmp_path, aabb_scale=1)
        make_opaque(tmp_path)
        Image.fromarray(np.full((24, 24), 100, np.uint8)).save(tmp_path / "grey.png")
        np.save(tmp_path / "none.npy", np.zeros((24, 24), np.float32))
        for name in ("grey.png", "none.npy"):
            edit_first_frame(tmp_path / "transforms.json", depth_file_path=name)
            dataset = load_dataset(tmp_path)
            assert dataset.train[0].depth is not None and not dataset.train[0].depth.any()
            (warning,) = dataset.warnings
            assert "depth pictures that say nothing (1, first 0000.png)" in warning
        write_transforms(tmp_path, aabb_scale=1, integer_depth_scale=0.01)
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="grey.png")
        depth = load_dataset(tmp_path).train[0].depth
        assert depth is not None and (depth[0, 0] == np.float32(1.0)).all()

    def test_the_picture_itself_does_not_stand_for_missing_depth(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="depth/0000.png")
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].depth is None and "(1, first depth/0000.png)" in dataset.warnings[0]

    def test_unknown_is_not_nothing(self, tmp_path: Path) -> None:
        """Photographs with a sky of unknown depth have surroundings, like photographs without depth."""
        write_transforms(tmp_path)
        make_opaque(tmp_path)
        without = load_dataset(tmp_path)
        write_depths(tmp_path, 4, 1e-3)
        make_opaque(tmp_path)
        dataset = load_dataset(tmp_path)
        assert dataset.cascades == without.cascades > 1
        assert dataset.bounds.is_close(without.bounds)
        read, truth = dataset.train[0].depth, sphere_view(0, 4).depth
        assert read is not None and truth is not None and (read[np.isinf(truth)] == 0.0).all()

    def test_unknown_where_the_picture_is_empty_is_nothing(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        Image.fromarray(np.zeros((24, 24), np.uint16)).save(tmp_path / "d.png")
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="d.png")
        view = load_dataset(tmp_path).train[0]
        assert view.depth is not None
        np.testing.assert_array_equal(view.depth, np.where(view.color[..., 3] == 0, np.inf, 0.0))

    def test_a_phones_small_depth_is_enlarged_without_mixing(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        make_opaque(tmp_path)
        small = np.array([[1000, 2000], [3000, 0]], np.uint16)
        Image.fromarray(small).save(tmp_path / "d.png")
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="d.png")
        depth = load_dataset(tmp_path).train[0].depth
        assert depth is not None
        np.testing.assert_allclose(depth, np.kron(small, np.ones((12, 12))) / 1000)

    def test_of_another_shape_it_is_refused(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        Image.fromarray(np.ones((12, 16), np.uint16)).save(tmp_path / "d.png")
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="d.png")
        with pytest.raises(DatasetError, match=r"0000\.png.*the depth is 16x12"):
            load_dataset(tmp_path)

    def test_may_be_switched_off(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, enable_depth_loading=False)
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="no.png")
        assert load_dataset(tmp_path).warnings == []
