"""Pictures that are missing, lie elsewhere, are called otherwise, or of another size than their list says."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from engine.data.decoding import view_names
from engine.data.formats import Dataset, DatasetError, load_dataset
from engine.data.images import turn
from engine.data.picture_finder import PictureFinder, path_parts
from tests.engine.data.scenes import edit_first_frame, sphere_view, write_json, write_nerf_synthetic, write_transforms


def warning_about(dataset: Dataset, *words: str) -> str:
    """The one warning that has all of ``words``."""
    (found,) = [warning for warning in dataset.warnings if all(word in warning for word in words)]
    return found


def relist(folder: Path, names: list[str]) -> None:
    """Have the frames of ``folder`` list other paths."""
    values = json.loads((folder / "transforms.json").read_text())
    for frame, name in zip(values["frames"], names, strict=True):
        frame["file_path"] = name
    write_json(folder / "transforms.json", values)


class TestMissing:
    def test_they_are_left_out_with_one_warning(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, count=12, aabb_scale=1)
        for index in (2, 5, 7, 11):
            (tmp_path / f"{index:04d}.png").unlink()
        dataset = load_dataset(tmp_path, holdout=4)
        assert warning_about(dataset, "missing") == dataset.warnings[0]
        assert "4 of 12" in dataset.warnings[0] and "0002.png" in dataset.warnings[0]
        # Every fourth of those that are there is held out.
        assert [view.name for view in dataset.test] == ["0000", "0006"]
        assert len(dataset.train) == 6

    def test_a_list_like_that_of_instant_ngps_fox(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, count=67, aabb_scale=4, k1=0.0578421, k2=-0.0805099, camera_angle_x=0.8)
        for frame in values["frames"]:
            frame["sharpness"] = 31.75
        write_json(tmp_path / "transforms.json", values)
        for index in range(50, 67):
            (tmp_path / f"{index:04d}.png").unlink()
        dataset = load_dataset(tmp_path, holdout=8)
        assert len(dataset.views) == 50 and len(dataset.test) == 7
        assert len(dataset.warnings) == 1 and "17 of 67" in dataset.warnings[0]

    def test_a_test_list_without_pictures_as_blendernerf_writes_it(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        for path in (tmp_path / "test").glob("*.png"):
            path.unlink()
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 4 and dataset.test == []
        assert "no test split" in warning_about(dataset, "transforms_test.json", "2 pictures")
        assert len(load_dataset(tmp_path, holdout=2).test) == 2

    def test_all_missing_is_an_error_that_says_what_is_there(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        (tmp_path / "images_4").mkdir()
        for path in tmp_path.glob("*.png"):
            path.rename(tmp_path / "images_4" / f"small_{path.name}")
        with pytest.raises(DatasetError, match=r"0000\.png is missing.*all 4.*images_4/ \(4 files\)"):
            load_dataset(tmp_path)

    def test_missing_depth_and_masks_are_told_and_the_views_used(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="no.exr", mask_path="masks/no.png")
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 4 and dataset.train[0].depth is None
        assert "without depth" in warning_about(dataset, "depth pictures that are missing (1", "no.exr")
        assert "all of their pixels" in warning_about(dataset, "masks that are missing (1", "masks/no.png")


class TestPaths:
    @pytest.mark.parametrize(
        ("listed", "told"),
        [
            ("0000.PNG", "upper and lower case"),
            ("./0000", ""),
            (".\\0000.png", ""),
            ("C:\\Users\\me\\scan\\0000.png", "another folder"),
            ("\\\\server\\share\\scan\\0000.png", "another folder"),
            ("/home/me/scan/0000.png", "another folder"),
            ("data/fox/0000.png", "another folder"),
            ("0000.jpg", "another format"),
            ("x/../0000.png", ""),
            ("%30000.png", ""),
            (" 0000.png ", ""),
        ],
    )
    def test_found_with_a_word_where_it_is_a_guess(self, tmp_path: Path, listed: str, told: str) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        edit_first_frame(tmp_path / "transforms.json", file_path=listed)
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].color, sphere_view(0, 4, "srgb").color)
        assert [told in warning for warning in dataset.warnings] == ([True] if told else [])

    @pytest.mark.parametrize(("listed", "stored"), [("NFD", "NFC"), ("NFC", "NFD")])
    def test_umlauts_put_together_in_another_way(self, tmp_path: Path, listed: Any, stored: Any) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        (tmp_path / "0000.png").rename(tmp_path / unicodedata.normalize(stored, "Büro.png"))
        edit_first_frame(tmp_path / "transforms.json", file_path=unicodedata.normalize(listed, "Büro.png"))
        dataset = load_dataset(tmp_path)
        assert dataset.train[0].name == "Büro" and len(dataset.train) == 4
        warning_about(dataset, "accented letters")

    def test_folders_may_differ_in_case_too(self, tmp_path: Path) -> None:
        write_transforms(tmp_path / "all", aabb_scale=1)
        (tmp_path / "all").rename(tmp_path / "Images")
        (tmp_path / "Images/transforms.json").rename(tmp_path / "transforms.json")
        relist(tmp_path, [f"images\\{index:04d}.PNG" for index in range(4)])
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 4 and "(4, first" in warning_about(dataset, "case")

    def test_of_two_that_differ_in_case_none_is_taken(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        (tmp_path / "0000.png").rename(tmp_path / "Ab.png")
        Image.new("RGB", (24, 24)).save(tmp_path / "ab.png")
        edit_first_frame(tmp_path / "transforms.json", file_path="AB.png")
        warning_about(load_dataset(tmp_path), "1 of 4 listed pictures are missing")
        edit_first_frame(tmp_path / "transforms.json", file_path="Ab.png")
        assert load_dataset(tmp_path).warnings == []

    def test_without_an_extension_it_is_told_which_of_several_is_taken(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        relist(tmp_path, [f"{index:04d}" for index in range(4)])
        Image.new("RGB", (24, 24)).save(tmp_path / "0002.jpg")
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[2].color, sphere_view(2, 4, "srgb").color)
        assert "(1, first 0002, found as 0002.png)" in warning_about(dataset, "several formats")

    def test_one_file_never_stands_for_two_listed_pictures(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        relist(tmp_path, ["left/0000.png", "right/0000.png", "0002.png", "0003.png"])
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.train] == ["0002", "0003"]

    def test_a_name_that_no_system_has_is_missing(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        edit_first_frame(tmp_path / "transforms.json", file_path="x" * 3000)
        assert len(load_dataset(tmp_path).train) == 3

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes by name")
    def test_no_path_leads_to_what_is_no_regular_file(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        os.mkfifo(tmp_path / "pipe.png")
        edit_first_frame(tmp_path / "transforms.json", file_path="pipe.png", mask_path="/dev/zero")
        assert len(load_dataset(tmp_path).train) == 3

    def test_parts(self) -> None:
        assert path_parts("C:\\a\\.\\b\\..\\c.png") == ("a", "c.png")
        assert path_parts("../x.png") == ("..", "x.png")
        assert PictureFinder(Path("/nowhere")).find("/") is None


class TestNames:
    def test_are_unique_and_fit_for_files_on_every_system(self) -> None:
        paths = ["a/x?.png", "b/x?.png", "b/X?.PNG", "C:\\p\\con.png", "..", "ü" * 300 + ".png"]
        names = view_names(paths)
        assert len({name.casefold() for name in names}) == len(paths)
        for name in names:
            assert 0 < len(name.encode()) <= 130 and not set(name) & set('<>:"/\\|?*')
            assert name.split(".")[0].lower() not in ("con", "nul") and not name.startswith(".")

    def test_the_same_picture_twice_is_read_once(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        rounded = [[round(number, 7) for number in row] for row in values["frames"][2]["transform_matrix"]]
        values["frames"].append(values["frames"][2] | {"file_path": "./0002.png", "transform_matrix": rounded})
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 4 and "0002.png" in warning_about(dataset, "more than once")

    def test_but_not_with_another_camera(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        values["frames"].append(values["frames"][2] | {"transform_matrix": values["frames"][1]["transform_matrix"]})
        write_json(tmp_path / "transforms.json", values)
        with pytest.raises(DatasetError, match=r"frame 4 .*frame 2 "):
            load_dataset(tmp_path)

    def test_a_held_out_picture_is_not_trained_on(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        train = json.loads((tmp_path / "transforms_train.json").read_text())
        write_json(tmp_path / "transforms_test.json", train | {"frames": train["frames"][:1]})
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (3, 1)
        warning_about(dataset, "for training and as test views")

    def test_unless_nothing_else_is_left(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        (tmp_path / "transforms_test.json").write_bytes((tmp_path / "transforms_train.json").read_bytes())
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (4, 0)
        warning_about(dataset, "(4, first ./train/r_0) are trained on")


class TestSizes:
    def test_a_shrunk_picture_has_its_camera_scaled(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        for name in ("fl_x", "fl_y", "cx", "cy", "w", "h"):
            values[name] *= 3
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        camera = dataset.train[0].camera
        assert (camera.width, camera.cx, camera.cy) == (24, 12.5, 11.0)
        assert camera.fx == pytest.approx(values["fl_x"] / 3)
        assert dataset.warnings == [warning_about(dataset, "(4, first", "24x24", "72x72", "scaled")]

    def test_to_a_pixels_rounding(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, count=1, aabb_scale=1, w=3966, h=2974)
        Image.new("RGB", (504, 378)).save(tmp_path / "0000.png")
        assert load_dataset(tmp_path).train[0].camera.fx == pytest.approx(values["fl_x"] * 504 / 3966)

    def test_another_shape_is_an_error(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        Image.new("RGB", (24, 18)).save(tmp_path / "0002.png")
        with pytest.raises(DatasetError, match=r"0002\.png is 24x18, but the camera says 24x24"):
            load_dataset(tmp_path)


class TestOrientation:
    """``turn`` is compared with Pillow's own."""

    @staticmethod
    def write(
        folder: Path, orientation: int, stored: tuple[int, int], said: tuple[int, int] | None, suffix: str = ".png"
    ) -> np.ndarray:
        """A dataset of a picture with an EXIF orientation; returns its stored pixels."""
        values = write_transforms(folder, count=1, aabb_scale=1)
        pixels = np.random.default_rng(orientation).integers(0, 255, (stored[1], stored[0], 3), np.uint8)
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(pixels).save(folder / f"0000{suffix}", exif=exif)
        values["frames"][0]["file_path"] = f"0000{suffix}"
        for side, name in enumerate(("w", "h")):
            if said is None:
                del values[name]
            else:
                values[name] = said[side]
        write_json(folder / "transforms.json", values)
        return pixels

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_all_eight_are_turned_as_pillow_does(self, tmp_path: Path, orientation: int) -> None:
        pixels = self.write(tmp_path, orientation, (40, 30), None)
        with Image.open(tmp_path / "0000.png") as image:
            shown = np.asarray(ImageOps.exif_transpose(image))
        np.testing.assert_array_equal(turn(pixels, orientation), shown)

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_turned_where_only_that_agrees_with_the_camera(self, tmp_path: Path, orientation: int, suffix: str) -> None:
        pixels = self.write(tmp_path, orientation, (40, 30), (30, 40), suffix)
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], turn(pixels, orientation))
        assert dataset.warnings == []

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_as_stored_where_that_agrees(self, tmp_path: Path, orientation: int, suffix: str) -> None:
        pixels = self.write(tmp_path, orientation, (40, 30), (40, 30), suffix)
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], pixels)
        assert dataset.warnings == []

    @pytest.mark.parametrize(
        ("orientation", "stored", "said"), [(3, (40, 30), (40, 30)), (6, (30, 30), (30, 30)), (2, (40, 30), None)]
    )
    def test_told_where_the_camera_does_not_decide(
        self, tmp_path: Path, orientation: int, stored: tuple[int, int], said: tuple[int, int] | None
    ) -> None:
        pixels = self.write(tmp_path, orientation, stored, said)
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], pixels)
        warning_about(dataset, "EXIF", "(1, first")

    @pytest.mark.parametrize(
        ("lens", "is_turned"),
        [
            ({"cx": 15.0, "cy": 20.5}, True),
            ({"cx": 19.0, "cy": 15.0}, False),
            ({"camera_angle_x": 0.6, "camera_angle_y": 0.8}, True),
            ({"camera_angle_x": 0.8, "camera_angle_y": 0.6}, False),
        ],
    )
    def test_decided_by_the_lens_where_no_size_is_said(
        self, tmp_path: Path, lens: dict[str, float], is_turned: bool
    ) -> None:
        pixels = self.write(tmp_path, 6, (40, 30), None)
        values = json.loads((tmp_path / "transforms.json").read_text())
        for name in ("fl_x", "fl_y", "cx", "cy"):
            del values[name]
        values |= {"fl_x": 30.0, **lens} if "cx" in lens else lens
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        wanted = turn(pixels, 6) if is_turned else pixels
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], wanted)
        assert not any("EXIF" in warning for warning in dataset.warnings)

    def test_shrunk_and_turned(self, tmp_path: Path) -> None:
        pixels = self.write(tmp_path, 8, (40, 30), (90, 120))
        dataset = load_dataset(tmp_path)
        np.testing.assert_array_equal(dataset.train[0].color[..., :3], turn(pixels, 8))
        warning_about(dataset, "30x40", "90x120")

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("said", [(40, 30), (30, 40)])
    def test_tiff_is_read_as_png_is(self, tmp_path: Path, orientation: int, said: tuple[int, int]) -> None:
        """Pictures, depth and masks, each with an orientation of its own; Pillow turns such TIFF by itself."""
        if orientation < 5:
            said = (40, 30)
        exif = Image.Exif()
        exif[0x0112] = orientation
        depth = np.arange(1, 1201, dtype=np.uint16).reshape(30, 40)
        read = []
        for suffix in (".png", ".tif"):
            folder = tmp_path / suffix[1:]
            self.write(folder, orientation, (40, 30), said, suffix)
            Image.fromarray(depth).save(folder / f"depth{suffix}", exif=exif)
            Image.fromarray(np.where(depth % 7, 255, 0).astype(np.uint8)).save(folder / f"mask{suffix}", exif=exif)
            edit_first_frame(folder / "transforms.json", depth_file_path=f"depth{suffix}", mask_path=f"mask{suffix}")
            read.append(load_dataset(folder))
        png, tiff = read
        np.testing.assert_array_equal(tiff.train[0].color, png.train[0].color)
        np.testing.assert_array_equal(tiff.train[0].depth, png.train[0].depth)
        assert len(tiff.warnings) == len(png.warnings)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_deep_tiff_is_turned_where_only_that_agrees(self, tmp_path: Path, orientation: int) -> None:
        """Three channels of 16 bits, which Pillow doesn't read."""
        said = (40, 30) if orientation < 5 else (30, 40)
        pixels = self.write(tmp_path, orientation, (40, 30), said, ".tif")
        deep, tag = pixels.astype(np.uint16) * 257, (0x0112, "H", 1, orientation, True)
        tifffile.imwrite(tmp_path / "0000.tif", deep, photometric="rgb", extratags=[tag])
        wanted = pixels if orientation < 5 else turn(pixels, orientation)
        np.testing.assert_array_equal(load_dataset(tmp_path).train[0].color[..., :3], wanted)

    def test_depth_and_masks_are_turned_alike(self, tmp_path: Path) -> None:
        self.write(tmp_path, 6, (40, 30), (30, 40))
        depth = np.zeros((15, 20), np.uint16)
        depth[0, 0] = 2000  # top left as stored: top right once turned
        Image.fromarray(depth).save(tmp_path / "depth.png")
        Image.fromarray(np.where(depth, 0, 255).astype(np.uint8)).save(tmp_path / "mask.png")
        edit_first_frame(tmp_path / "transforms.json", depth_file_path="depth.png")
        read = load_dataset(tmp_path).train[0].depth
        assert read is not None and np.argwhere(read > 0).min(axis=0).tolist() == [0, 28]
        edit_first_frame(tmp_path / "transforms.json", depth_file_path=None, mask_path="mask.png")
        valid = load_dataset(tmp_path).train[0].valid
        assert valid is not None and np.argwhere(~valid).min(axis=0).tolist() == [0, 28]
