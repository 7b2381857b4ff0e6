"""Pictures that are missing, lie elsewhere, are called otherwise, or of another size than their list says."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data.decoding import view_names
from engine.data.formats import DatasetError, load_dataset
from engine.data.picture_finder import PictureFinder, path_parts
from tests.engine.data.scenes import (
    edit_first_frame,
    sphere_view,
    warning_about,
    write_json,
    write_nerf_synthetic,
    write_transforms,
)


def relist(folder: Path, names: list[str]) -> None:
    """Have the frames of ``folder`` list other paths."""
    values = json.loads((folder / "transforms.json").read_text())
    for frame, name in zip(values["frames"], names, strict=True):
        frame["file_path"] = name
    write_json(folder / "transforms.json", values)


class TestBlendersPaths:
    @pytest.mark.parametrize("start", ["//", "\\\\", "//sub/../"])
    def test_they_are_relative_to_the_list(self, tmp_path: Path, start: str) -> None:
        values = write_transforms(tmp_path, aabb_scale=1, test_filenames=[f"{start}0003.png"])
        Image.fromarray(np.full((24, 24), 255, np.uint8)).save(tmp_path / "m.png")
        np.save(tmp_path / "d.npy", np.full((24, 24), 4.0, np.float32))
        for frame in values["frames"]:
            frame["file_path"] = start + frame["file_path"]
        values["frames"][0] |= {"mask_path": f"{start}m.png", "depth_file_path": f"{start}d.npy"}
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.views] == ["0000", "0001", "0002", "0003"]
        assert [view.name for view in dataset.test] == ["0003"]
        depth = dataset.train[0].depth
        assert depth is not None and (depth == 4.0).any()
        assert all("masks, none of which" in warning for warning in dataset.warnings)

    def test_a_computer_in_a_network_is_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "images").mkdir()
        (tmp_path / "images/a.png").touch()
        found = PictureFinder(tmp_path).find("\\\\nas\\share\\images\\a.png")
        assert found is not None and found.path == tmp_path / "images/a.png" and found.difference


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
        warning_about(load_dataset(tmp_path), "listed pictures that are missing (1 of 4")
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


@pytest.mark.parametrize("listed", ["{}.heic", "{}.NEF", "https://a.b/c/{}.png?size=2#top"])
def test_pictures_that_were_turned_into_others_are_found(tmp_path: Path, listed: str) -> None:
    values = write_transforms(tmp_path, aabb_scale=1)
    for index, frame in enumerate(values["frames"]):
        frame["file_path"] = listed.format(f"{index:04d}")
    write_json(tmp_path / "transforms.json", values)
    dataset = load_dataset(tmp_path)
    assert len(dataset.train) == 4
    (warning,) = dataset.warnings
    assert f"(4, first {listed.format('0000')}, found as 0000.png)" in warning
