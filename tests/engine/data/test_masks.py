"""Masks: which pixels of a picture count, wherever that is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.cli.datasets import shrink
from engine.data.capture_folder import save_dataset
from engine.data.exr import write_exr
from engine.data.formats import DatasetError, load_dataset
from engine.data.masks import read_mask
from engine.data.views import MASKED_DEPTH
from tests.engine.data.scenes import (
    edit_first_frame,
    write_json,
    write_nerf_synthetic,
    write_transforms,
)


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
            [f"masks_2/{index:04d}.png" for index in range(4)],  # nerfstudio's
            [f"masks/{index:04d}_mask.png" for index in range(4)],
            [f"masks/mask_{index:04d}.png" for index in range(4)],
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

    @pytest.mark.parametrize("others", [None, ""])
    def test_in_a_folder_of_which_the_list_names_one(self, tmp_path: Path, others: str | None) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        write_masks(tmp_path, [f"masks/{index:04d}.png" for index in range(4)])
        values = json.loads((tmp_path / "transforms.json").read_text())
        for frame in values["frames"]:
            frame["mask_path"] = others
        values["frames"][0]["mask_path"] = "masks/0000.png"
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        for view in dataset.train:
            require_masked(view)
        (warning,) = dataset.warnings
        assert "in masks/ that the list doesn't name (3, first" in warning

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
            np.testing.assert_array_equal(read_mask(path).kept, kept, err_msg=path.name)

    @pytest.mark.parametrize(
        ("dark", "bright", "is_told"), [((3,), 255, True), ((0, 3), 255, True), ((0, 0), 1, False), ((0, 0), 3, False)]
    )
    def test_what_is_nearly_black_beside_white_is_black(
        self, tmp_path: Path, dark: tuple[int, ...], bright: int, is_told: bool
    ) -> None:
        """Also in masks of 0 and 1, or of labels, where 3 is no black."""
        write_transforms(tmp_path, aabb_scale=1)
        pixels = np.full((24, 24), bright, np.uint8)
        pixels[:12, :12] = np.resize(dark, (12, 12))
        Image.fromarray(pixels).save(tmp_path / "m.png")
        edit_first_frame(tmp_path / "transforms.json", mask_path="m.png")
        dataset = load_dataset(tmp_path)
        require_masked(dataset.train[0])
        assert len(dataset.warnings) == is_told
        assert all("nearly 0, but not 0, beside white (1, first 0000.png)" in each for each in dataset.warnings)

    def test_soft_edges_are_kept(self, tmp_path: Path) -> None:
        """As instant-ngp and nerfstudio do: only 0 is left out."""
        ramp = np.clip(np.arange(64) * 32 - 1000, 0, 255).astype(np.uint8)
        Image.fromarray(np.tile(ramp, (16, 1))).save(tmp_path / "m.png")
        mask = read_mask(tmp_path / "m.png")
        assert not mask.takes_nearly_black and (mask.kept == (ramp > 0)).all()

    def test_one_for_all_pictures(self, tmp_path: Path) -> None:
        write_masks(tmp_path, ["car.png"])
        write_transforms(tmp_path, aabb_scale=1, mask_path="car.png")
        dataset = load_dataset(tmp_path)
        for view in dataset.train:
            require_masked(view)
        assert dataset.warnings == []

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


class TestMasksElsewhere:
    @pytest.mark.parametrize("name", ["*_mask.png", "*.mask.png", "*.png.mask.png", "mask_*.png", "*_MASK.PNG"])
    def test_beside_their_pictures(self, tmp_path: Path, name: str) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        write_masks(tmp_path, [name.replace("*", f"{index:04d}") for index in range(4)])
        dataset = load_dataset(tmp_path)
        for view in dataset.train:
            require_masked(view)
        (warning,) = dataset.warnings
        assert "(4, first 0000.png)" in warning and "move them elsewhere" in warning

    @pytest.mark.parametrize(
        "name",
        [
            "segmentations/*.png",
            "dynamic_masks/*.png",
            "person masks/*.png",
            "semantic/*.webp",
            "SAM/*.png",
            "masks/0/*.png",
            "masks/frame_*.png",
            "*_seg.png",
            "*_mask_0.png",
        ],
    )
    def test_what_looks_like_masks_is_told(self, tmp_path: Path, name: str) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        names = [name.replace("*", f"{index:04d}") for index in range(4)]
        write_masks(tmp_path, names)
        dataset = load_dataset(tmp_path)
        assert all(view.valid is None for view in dataset.train)
        (warning,) = dataset.warnings
        assert f"look like masks (4, first {Path(names[0]).name}) aren't used" in warning
        assert "mask_path" in warning and "masks/" in warning

    def test_masks_that_the_list_names_or_that_are_there_in_other_sizes_are_in_use(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path / "images", aabb_scale=1)
        (tmp_path / "images/transforms.json").unlink()
        for folder in ("segmentation", "masks_4"):
            write_masks(tmp_path, [f"{folder}/{index:04d}.png" for index in range(4)])
        for frame in values["frames"]:
            frame["mask_path"] = f"segmentation/{frame['file_path']}"
            frame["file_path"] = f"images/{frame['file_path']}"
        write_json(tmp_path / "transforms.json", values)
        (warning,) = load_dataset(tmp_path).warnings
        assert "masks_4: pictures that look like masks (4" in warning
        (tmp_path / "segmentation").rename(tmp_path / "masks")
        for frame in values["frames"]:
            del frame["mask_path"]
        write_json(tmp_path / "transforms.json", values)
        (warning,) = load_dataset(tmp_path).warnings
        assert "a mask in masks/" in warning

    def test_a_neighbouring_datasets_masks_are_none_of_it(self, tmp_path: Path) -> None:
        write_transforms(tmp_path / "one", aabb_scale=1)
        write_masks(tmp_path, ["masks/0000.png", "segmentations/0000.png"])
        assert load_dataset(tmp_path / "one").warnings == []

    def test_pictures_that_are_called_like_masks_are_pictures(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        for index, frame in enumerate(values["frames"]):
            (tmp_path / frame["file_path"]).rename(tmp_path / f"masked_mask_{index}.png")
            frame["file_path"] = f"masked_mask_{index}.png"
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert dataset.warnings == [] and len(dataset.train) == 4


class TestInvertedMasks:
    @pytest.mark.parametrize(
        ("kept", "is_told"),
        [
            ((slice(4, 20), slice(4, 20)), False),  # a subject
            ((slice(0, 24), slice(0, 16)), False),  # all but a passer-by
            ((slice(2, 8), slice(2, 8)), True),  # a passer-by alone
            ((slice(0, 5), slice(0, 24)), True),  # what is around a subject
        ],
    )
    def test_masks_that_leave_little_are_told(self, tmp_path: Path, kept: tuple[slice, slice], is_told: bool) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        (tmp_path / "masks").mkdir()
        for index in range(4):
            pixels = np.zeros((24, 24), np.uint8)
            pixels[kept] = 255
            Image.fromarray(pixels).save(tmp_path / f"masks/{index:04d}.png")
        told = [warning for warning in load_dataset(tmp_path).warnings if "the other way round" in warning]
        assert len(told) == is_told
        assert not is_told or "(4, first 0000.png: typically 9" in told[0] or "100% of it" in told[0]
