"""Lists of training and test pictures: which pictures a name goes for, and what is said where that is not clear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.data.formats import DatasetError, load_dataset
from tests.engine.data.scenes import edit_first_frame, write_json, write_nerf_synthetic, write_transforms


class TestSplitLists:
    @pytest.mark.parametrize(
        "held_out",
        [
            ["./0003.png"],
            ["0003.PNG"],
            ["0003"],
            [".\\0003.png"],
            ["C:\\me\\data\\0003.png"],
            ["/home/me/data/0003.png"],
            ["x/../0003.png"],
            [" 0003.png "],
            ["000%33.png"],
            ["0003.NEF"],
        ],
    )
    @pytest.mark.parametrize("name", ["val_filenames", "test_filenames"])
    def test_names_are_paths_not_text(self, tmp_path: Path, held_out: list[str], name: str) -> None:
        write_transforms(tmp_path, aabb_scale=1, **{name: held_out})
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.test] == ["0003"] and len(dataset.train) == 3
        assert dataset.warnings == []

    def test_frames_below_a_folder_and_names_without_it(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path / "images", aabb_scale=1, val_filenames=["0001.png", "images/0002.png"])
        (tmp_path / "images/transforms.json").unlink()
        for frame in values["frames"]:
            frame["file_path"] = f"./images/{frame['file_path']}"
        write_json(tmp_path / "transforms.json", values)
        assert [view.name for view in load_dataset(tmp_path).test] == ["0001", "0002"]

    def test_a_name_that_no_frame_has_is_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, test_filenames=["0001.png", "gone.png", "test/0002.png/x"])
        dataset = load_dataset(tmp_path)
        assert len(dataset.test) == 1
        (warning,) = dataset.warnings
        assert "names in test_filenames" in warning and "(2, first" in warning and "gone.png" in warning

    @staticmethod
    def write_two_folders(folder: Path, **lists: list[str]) -> None:
        """Pictures 0000 and 0001 in "a" and in "b", with another camera each."""
        values = write_transforms(folder / "a", count=4, aabb_scale=1)
        (folder / "b").mkdir()
        frames = values["frames"]
        for frame, path in zip(frames, ("a/0000.png", "a/0001.png", "b/0000.png", "b/0001.png"), strict=True):
            if path[0] == "b":
                (folder / "a" / frame["file_path"]).rename(folder / path)
            frame["file_path"] = path
        write_json(folder / "transforms.json", values | lists)

    @pytest.mark.parametrize("listed", ["0001.png", "0001", "x/0001.png", "A/../0001.PNG"])
    @pytest.mark.parametrize("name", ["val_filenames", "test_filenames"])
    def test_what_a_name_may_mean_is_all_held_out(self, tmp_path: Path, listed: str, name: str) -> None:
        self.write_two_folders(tmp_path, **{name: [listed]})
        dataset = load_dataset(tmp_path)
        assert [source.name for source in dataset.test] == ["a_0001", "b_0001"]
        assert [source.name for source in dataset.train] == ["a_0000", "b_0000"]
        (warning,) = [warning for warning in dataset.warnings if "several" in warning]
        assert f"(1, first {listed}: a/0001.png, b/0001.png)" in warning and "file_path" in warning

    def test_also_where_one_of_them_is_listed_for_training(self, tmp_path: Path) -> None:
        self.write_two_folders(
            tmp_path, train_filenames=["a/0000.png", "a/0001.png", "b/0000.png"], test_filenames=["0001.png"]
        )
        dataset = load_dataset(tmp_path)
        assert [source.name for source in dataset.test] == ["a_0001", "b_0001"] and len(dataset.train) == 2

    def test_a_name_of_a_training_list_too(self, tmp_path: Path) -> None:
        self.write_two_folders(tmp_path, train_filenames=["0000.png"], test_filenames=["a/0001.png"])
        dataset = load_dataset(tmp_path)
        assert [source.name for source in dataset.train] == ["a_0000", "b_0000"]
        assert [source.name for source in dataset.test] == ["a_0001"]
        assert "several pictures (1, first 0000.png: a/0000.png, b/0000.png)" in dataset.warnings[0]
        assert "none of its lists" in dataset.warnings[1] and "b/0001.png" in dataset.warnings[1]

    def test_a_name_goes_for_the_frames_that_end_with_it_before_one_that_it_ends_with(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, count=4, aabb_scale=1, test_filenames=["c/0001.png"])
        for folder, frame in zip(("a", "b"), values["frames"][2:], strict=True):
            (tmp_path / folder / "c").mkdir(parents=True)
            (tmp_path / frame["file_path"]).rename(tmp_path / folder / "c/0001.png")
            frame["file_path"] = f"{folder}/c/0001.png"
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.test] == ["a_c_0001", "b_c_0001"] and len(dataset.train) == 2

    def test_a_picture_that_is_listed_twice_is_one(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1, test_filenames=["0001.png"])
        values["frames"].append(values["frames"][1])
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.test] == ["0001"] and len(dataset.train) == 3
        assert not any("several" in warning for warning in dataset.warnings)

    def test_where_nothing_is_left_to_train_on_it_is_said(self, tmp_path: Path) -> None:
        self.write_two_folders(tmp_path, test_filenames=["0000.png", "0001.png"])
        with pytest.raises(DatasetError, match="no views are left to train on: all 4 are test views"):
            load_dataset(tmp_path)

    def test_frames_in_no_list_are_left_out_with_a_word(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, train_filenames=["0000.png", "0001.png"], val_filenames=["0003.png"])
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.views] == ["0000", "0001", "0003"]
        assert "(1, first 0002.png)" in dataset.warnings[0]

    def test_listed_both_ways_is_held_out(self, tmp_path: Path) -> None:
        names = [f"{index:04d}.png" for index in range(4)]
        write_transforms(tmp_path, aabb_scale=1, train_filenames=names, test_filenames=names[:1])
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (3, 1) and "(1, first 0000.png)" in dataset.warnings[0]

    def test_names_in_another_folder_than_frames(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path / "images", aabb_scale=1, val_filenames=["rgb/0001.png", "rgb/0002.png"])
        (tmp_path / "images/transforms.json").unlink()
        for frame in values["frames"]:
            frame["file_path"] = f"images/{frame['file_path']}"
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.test] == ["0001", "0002"]
        (warning,) = dataset.warnings
        assert "lie in another folder" in warning and "(2, first rgb/0001.png)" in warning
        values["val_filenames"].append("images/0003.png")  # so that the folder does tell frames apart
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.test] == ["0003"]
        assert "belong to no frame (2, first rgb/0001.png)" in dataset.warnings[0]

    @pytest.mark.parametrize("names", ["0000.png", [3], {"a": 1}])
    def test_what_is_no_list_of_names(self, tmp_path: Path, names: Any) -> None:
        write_transforms(tmp_path, aabb_scale=1, val_filenames=names)
        with pytest.raises(DatasetError, match="val_filenames"):
            load_dataset(tmp_path)


class TestOtherWordsForSplits:
    @pytest.mark.parametrize(
        "said", [{"split": "test"}, {"split": "VAL"}, {"set": "testing"}, {"is_test": True}, {"is_train": False}]
    )
    def test_a_frame_says_it_of_itself(self, tmp_path: Path, said: dict[str, Any]) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        values["frames"][2] |= said
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.test] == ["0002"] and len(dataset.train) == 3
        assert dataset.warnings == []

    @pytest.mark.parametrize("name", ["valid_ids", "validIds"])
    def test_what_says_that_a_frame_is_valid_says_nothing_of_splits(self, tmp_path: Path, name: str) -> None:
        values = write_transforms(tmp_path, aabb_scale=1, **{name: [0, 1]})
        values["frames"][2]["is_valid"] = True
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 4 and "2 values aren't used" in dataset.warnings[0]

    @pytest.mark.parametrize(
        ("lists", "is_told"),
        [
            ({"test_ids": ["0003", "0001.png"]}, False),
            ({"splits": {"train": ["0000", "0002"], "test": ["0001", "0003"]}}, False),
            ({"split": {"0001.png": "test", "0003.png": "val", "0000.png": "train", "0002": "train"}}, False),
            ({"i_test": [1, 3]}, True),
            ({"test_ids": [3], "i_val": [1]}, True),
            ({"splits": {"test": [1, 3]}}, True),
            ({"splits": ["train", "test", "train", "test"]}, True),
        ],
    )
    def test_lists_of_names_or_of_numbers(self, tmp_path: Path, lists: dict[str, Any], is_told: bool) -> None:
        write_transforms(tmp_path, aabb_scale=1, **lists)
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.test] == ["0001", "0003"]
        assert [view.name for view in dataset.train] == ["0000", "0002"]
        assert bool(dataset.warnings) == is_told
        assert all("by their number in frames, from 0 (" in warning for warning in dataset.warnings)

    def test_numbers_that_no_frame_has_are_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1, test_ids=[2, 4])
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 4
        (warning,) = dataset.warnings
        assert "test_ids isn't used, as it has numbers that are no frame's, counted from 0 (1 of 2, first 4)" in warning

    def test_a_lists_name_goes_before_what_its_frames_say(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        edit_first_frame(tmp_path / "transforms_train.json", split="test")
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (4, 2)
        assert "they aren't train views (1, first ./train/r_0)" in dataset.warnings[0]
