"""Depth as phones, renderers and other programs write it, and pixels that are to be left out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.cli.datasets import shrink
from engine.data.capture_folder import save_dataset
from engine.data.depth_images import read_depth
from engine.data.depth_unit import check_depth_unit
from engine.data.exr import write_exr
from engine.data.formats import DatasetError, load_dataset
from engine.data.masks import read_mask
from engine.data.views import MASKED_DEPTH, View
from engine.link.projection import pixel_directions
from tests.engine.data.scenes import (
    edit_first_frame,
    orbit_camera,
    sphere_view,
    write_json,
    write_nerf_synthetic,
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


def write_masks(folder: Path, names: list[str], value: int = 255, size: int = 24) -> None:
    """Masks that leave out the top left quarter."""
    for name in names:
        pixels = np.full((size, size), value, np.uint8)
        pixels[: size // 2, : size // 2] = 0
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)


def require_masked(view: Any) -> None:
    """The top left quarter is left out, and nothing else."""
    assert view.valid is not None and not view.valid[:12, :12].any() and view.valid.sum() == 24 * 24 - 12 * 12


class TestDepth:
    def test_zero_and_the_largest_step_are_not_known(self, tmp_path: Path) -> None:
        path = tmp_path / "d.png"
        Image.fromarray(np.array([[0, 65535, 2500]], np.uint16)).save(path)
        np.testing.assert_allclose(read_depth(path, 0.001), [[0.0, 0.0, 2.5]])

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
        warnings = [warning for warning in load_dataset(tmp_path).warnings if "don't fit the poses" in warning]
        assert len(warnings) == (factor is not None)
        assert factor is None or f"multiplied by {factor}; name their unit as integer_depth_scale" in warnings[0]

    @pytest.mark.parametrize("is_along_rays", [False, True])
    def test_distances_along_rays_are_told(self, is_along_rays: bool) -> None:
        """A room that is a sphere of 4 m, seen from near its middle."""
        views = []
        for index in range(6):
            camera = dataclasses.replace(orbit_camera(index, 6, 48, distance=0.5), fx=24.0, fy=24.0)
            y, x = np.mgrid[:48, :48] + 0.5
            rays = pixel_directions(camera, x, y) @ camera.camera_to_world[:3, :3].T
            length = np.linalg.norm(rays, axis=-1)
            rays /= length[..., None]
            ahead = rays @ camera.position
            distance = np.sqrt(ahead**2 - camera.position @ camera.position + 16.0) - ahead
            depth = (distance if is_along_rays else distance / length).astype(np.float32)
            views.append(View(f"{index}", camera, np.full((48, 48, 4), 255, np.uint8), "srgb", depth))
        assert len(check_depth_unit(views)) == is_along_rays
        assert not is_along_rays or "distances along rays" in check_depth_unit(views)[0]

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


class TestMasks:
    @pytest.mark.parametrize("name", ["mask_path", "mask_file_path", "mask"])
    def test_listed_by_frame(self, tmp_path: Path, name: str) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        write_masks(tmp_path, ["m/0.png"])
        edit_first_frame(tmp_path / "transforms.json", **{name: "m/0.png"})
        dataset = load_dataset(tmp_path)
        require_masked(dataset.train[0])
        assert dataset.train[1].valid is None and dataset.warnings == []

    @pytest.mark.parametrize("folder", ["", "images"])
    def test_the_picture_itself_does_not_stand_for_a_missing_one(self, tmp_path: Path, folder: str) -> None:
        values = write_transforms(tmp_path / folder, aabb_scale=1)
        (tmp_path / folder / "transforms.json").unlink()
        for frame in values["frames"]:
            frame["mask_path"] = f"masks/{frame['file_path']}"
            frame["file_path"] = f"{folder}/{frame['file_path']}".lstrip("/")
        write_json(tmp_path / "transforms.json", values)
        write_masks(tmp_path, ["masks/0001.png"])
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.train if view.valid is not None] == ["0001"]
        (warning,) = dataset.warnings
        assert "listed masks that are missing (3, first masks/0000.png)" in warning

    def test_none_that_leaves_anything_out_is_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        for index in range(4):
            Image.fromarray(np.full((24, 24), 3, np.uint8)).save(tmp_path / f"m{index}.png")
        values = json.loads((tmp_path / "transforms.json").read_text())
        for index, frame in enumerate(values["frames"]):
            frame["mask_path"] = f"m{index}.png"
        write_json(tmp_path / "transforms.json", values)
        (warning,) = load_dataset(tmp_path).warnings
        assert "none of which leaves anything out (4, first 0000.png)" in warning
        write_masks(tmp_path, ["m2.png"])
        assert load_dataset(tmp_path).warnings == []

    def test_of_another_size(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        write_masks(tmp_path, ["m.png"], size=8)
        edit_first_frame(tmp_path / "transforms.json", mask_path="m.png")
        require_masked(load_dataset(tmp_path).train[0])

    def test_of_another_shape_it_is_refused(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        Image.new("L", (24, 12)).save(tmp_path / "m.png")
        edit_first_frame(tmp_path / "transforms.json", mask_path="m.png")
        with pytest.raises(DatasetError, match="the mask is 24x12"):
            load_dataset(tmp_path)

    @pytest.mark.parametrize(
        "names",
        [
            [f"masks/{index:04d}.png" for index in range(4)],
            [f"masks/{index:04d}.png.png" for index in range(4)],  # COLMAP's
            [f"mask/{index:04d}.PNG" for index in range(4)],
            [f"masks/{index:04d}.webp" for index in range(4)],
            [f"Masks/{index:04d}.png" for index in range(4)],
            [f"masks/{index:04d}.jpg.png" for index in range(4)],  # of pictures that were JPEG then
        ],
    )
    def test_in_a_folder_that_is_not_listed(self, tmp_path: Path, names: list[str]) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        write_masks(tmp_path, names)
        dataset = load_dataset(tmp_path)
        for view in dataset.train:
            require_masked(view)
        (warning,) = dataset.warnings
        assert "(4, first" in warning and f"{names[0].split('/')[0]}/" in warning

    def test_beside_a_folder_of_images_with_repeated_names(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path / "images/left", count=2, aabb_scale=1)
        write_transforms(tmp_path / "images/right", count=2)
        for folder in ("left", "right"):
            (tmp_path / f"images/{folder}/transforms.json").unlink()
        frames = [
            frame | {"file_path": f"images/{folder}/{frame['file_path']}"}
            for folder in ("left", "right")
            for frame in values["frames"]
        ]
        write_json(tmp_path / "transforms.json", values | {"frames": frames})
        write_masks(tmp_path, ["masks/right/0001.png"])
        masked = [view.name for view in load_dataset(tmp_path).train if view.valid is not None]
        assert masked == ["images_right_0001"]

    def test_a_training_pictures_mask_is_not_the_test_pictures(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        write_masks(tmp_path, ["masks/r_0.png"])
        assert all(view.valid is None for view in load_dataset(tmp_path).views)
        write_masks(tmp_path, ["masks/test/r_0.png"])
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.views if view.valid is not None] == ["test_r_0"]

    def test_instant_ngps_mask_of_what_moves(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        moving = np.zeros((24, 24), np.uint8)
        moving[:12, :12] = 255
        Image.fromarray(moving).save(tmp_path / "dynamic_mask_0002.png")
        dataset = load_dataset(tmp_path)
        require_masked(dataset.train[2])
        assert "(1, first" in dataset.warnings[0]

    def test_values_of_every_kind(self, tmp_path: Path) -> None:
        kept = np.zeros((16, 16), bool)
        kept[:, 8:] = True
        grey = (kept * 255).astype(np.uint8)
        Image.fromarray(kept.astype(np.uint8)).save(tmp_path / "ones.png")
        Image.fromarray(grey).convert("1").save(tmp_path / "bits.png")
        Image.fromarray(np.repeat(grey[..., None], 3, axis=2)).save(tmp_path / "colour.png")
        Image.fromarray(np.dstack([np.full((16, 16, 3), 255, np.uint8), grey])).save(tmp_path / "alpha.png")
        Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
        Image.fromarray(grey).save(tmp_path / "lossy.jpg", quality=60)
        write_exr(tmp_path / "one.exr", {"V": kept.astype(np.float32)})
        write_exr(tmp_path / "four.exr", {"RGBA": np.repeat(kept[..., None], 4, axis=2).astype(np.float16)})
        np.save(tmp_path / "numbers.npy", kept.astype(np.float32))
        np.save(tmp_path / "booleans.npy", kept)
        for path in tmp_path.iterdir():
            np.testing.assert_array_equal(read_mask(path), kept, err_msg=path.name)

    def test_views_of_which_nothing_is_left_are_left_out(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        Image.new("L", (24, 24)).save(tmp_path / "m.png")
        edit_first_frame(tmp_path / "transforms.json", mask_path="m.png")
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 3 and "(1, first" in dataset.warnings[0]

    def test_come_back_from_a_capture_folder_beside_depth(self, tmp_path: Path) -> None:
        write_transforms(tmp_path / "a", aabb_scale=1)
        write_masks(tmp_path / "a", ["masks/0001.png"])
        millimetres = np.full((24, 24), 2000, np.uint16)
        Image.fromarray(millimetres).save(tmp_path / "a/d.png")
        edit_first_frame(tmp_path / "a/transforms.json", depth_file_path="d.png")
        read = load_dataset(tmp_path / "a")
        save_dataset(tmp_path / "b", read)
        again = load_dataset(tmp_path / "b")
        require_masked(again.train[1])
        for one, other in zip(read.views, again.views, strict=True):
            assert (one.depth is None) == (other.depth is None)
            if one.depth is not None:
                np.testing.assert_array_equal(one.depth, other.depth)

    def test_stay_when_pictures_are_shrunk(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        write_masks(tmp_path, ["masks/0000.png"])
        small = shrink(load_dataset(tmp_path).train[0], (12, 12))
        assert small.depth is not None and (small.depth[:6, :6] == MASKED_DEPTH).all()
        assert small.valid is not None and small.valid.sum() == 12 * 12 - 6 * 6
