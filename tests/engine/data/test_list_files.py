"""Lists of views, and of what they are for, in files that are called otherwise than usual."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.data.formats import DatasetError, load_dataset
from tests.engine.data.scenes import warning_about, write_nerf_synthetic, write_transforms


class TestListsOfViews:
    @pytest.mark.parametrize(
        "name",
        [
            "transforms_testing.json",
            "test_transforms.json",
            "transforms_eval.json",
            "transforms-validation.json",
            "val_transforms.json",
            "Transforms_Test.json",
            "test.json",
        ],
    )
    def test_a_test_list_by_another_name(self, tmp_path: Path, name: str) -> None:
        write_nerf_synthetic(tmp_path)
        (tmp_path / "transforms_test.json").rename(tmp_path / name)
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (4, 2)
        (warning,) = dataset.warnings
        assert f"{name} (2 views) is taken for transforms_test.json; call it so" in warning

    @pytest.mark.parametrize("name", ["transforms_training.json", "train_transforms.json", "train.json"])
    def test_a_training_list_by_another_name(self, tmp_path: Path, name: str) -> None:
        write_nerf_synthetic(tmp_path)
        (tmp_path / "transforms_train.json").rename(tmp_path / name)
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (4, 2)
        assert f"{name} (4 views) is taken for transforms_train.json" in dataset.warnings[0]

    def test_what_may_be_meant_twice_is_named(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        text = (tmp_path / "transforms_test.json").read_text()
        (tmp_path / "transforms_test.json").unlink()
        for name in ("test_transforms.json", "transforms_testing.json", "transforms_all.json"):
            (tmp_path / name).write_text(text)
        dataset = load_dataset(tmp_path)
        assert len(dataset.test) == 0
        assert [warning.split("/")[-1].split(" ")[0] for warning in dataset.warnings] == [
            "test_transforms.json",
            "transforms_testing.json",
            "transforms_all.json",
        ]
        assert all("isn't read" in warning and "give the file itself" in warning for warning in dataset.warnings)

    def test_the_usual_name_goes_before_others(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        (tmp_path / "transforms_eval.json").write_bytes((tmp_path / "transforms_train.json").read_bytes())
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (4, 2)
        (warning,) = dataset.warnings
        assert "transforms_eval.json (4 views) isn't read, as there is transforms_test.json" in warning

    @pytest.mark.parametrize("text", ["{", "[]", '{"frames": 3}', '{"frames": []}', '{"a": 1}'])
    def test_what_is_no_list_does_no_harm(self, tmp_path: Path, text: str) -> None:
        write_nerf_synthetic(tmp_path)
        (tmp_path / "transforms_eval.json").write_text(text)
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (4, 2)
        assert all("transforms_eval.json) aren't used" in warning for warning in dataset.warnings)

    def test_a_list_in_a_folder_of_its_own_is_named(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        write_transforms(tmp_path / "test", count=3, aabb_scale=1)
        (warning,) = load_dataset(tmp_path).warnings
        assert "transforms.json (3 views) isn't read" in warning and "list them in transforms_test.json" in warning


class TestSplitFiles:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("test.txt", "0003.png\n./0004.png\n"),
            ("val_list.txt", "\ufeff# of the last\n0003\n\n0004\n"),
            ("train_test_split.json", json.dumps({"train": ["0000.png", "0001", "0002"], "test": ["0003", "0004"]})),
            ("split.json", json.dumps({"eval_filenames": ["0003.png", "0004.png"]})),
            ("splits/test.txt", "0003.png\n0004\n"),
            (
                "dataset.json",
                json.dumps({"count": 5, "train_ids": ["0000", "0001", "0002"], "val_ids": ["0003", "0004"]}),
            ),
            ("metadata.json", json.dumps({"val_ids": ["0003", "0004"]})),
        ],
    )
    def test_names_of_test_pictures_are_used(self, tmp_path: Path, name: str, text: str) -> None:
        write_transforms(tmp_path, count=5, aabb_scale=1)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.test] == ["0003", "0004"] and len(dataset.train) == 3
        (warning,) = dataset.warnings
        assert "2 of 5 pictures are test views, as" in warning and name in warning

    def test_what_is_in_no_list_is_left_out(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, count=5, aabb_scale=1)
        (tmp_path / "train.txt").write_text("0000.png\n0001.png\n")
        (tmp_path / "test.txt").write_text("0004.png\n")
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.views] == ["0000", "0001", "0004"]
        assert "(2, first 0002.png) are left out" in warning_about(dataset, "none of its lists")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("test.txt", "0003.png\nelsewhere.png\n"),
            ("test.txt", "0000\n0001\n0002\n0003\n0004\n"),
            ("test.txt", "3\n4\n"),
            ("train.txt", "0000.png\n0001.png\n"),
            ("split.json", json.dumps({"train": [0, 1], "test": [2, 3]})),
            ("splits.csv", "0001.png,train\n0003.png,test\n"),
            ("test.json", "{"),
            ("dataset_split.yaml", "test: [0003]\n"),
            ("split_indices.npy", "any"),
            ("metadata.json", json.dumps({"val_ids": [3]})),
        ],
    )
    def test_what_is_not_clear_is_named(self, tmp_path: Path, name: str, text: str) -> None:
        write_transforms(tmp_path, count=5, aabb_scale=1)
        (tmp_path / name).write_text(text)
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 5
        (warning,) = dataset.warnings
        assert "(1, first" in warning and f"{name}) aren't used: name these in test_filenames" in warning

    def test_the_lists_own_names_go_before_files(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, count=5, aabb_scale=1, test_filenames=["0000.png"])
        (tmp_path / "test.txt").write_text("0003.png\n")
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.test] == ["0000"]
        assert "test.txt) aren't used" in dataset.warnings[0]


class TestWhatIsNoDataset:
    @pytest.mark.parametrize(
        ("files", "words"),
        [
            (["a/b/transforms.json"], "but in a/b: give that one"),
            (["run.json"], "a run of Hashlight's own"),
            (["cameras.json", "point_cloud/iteration_7000/a.ply"], "what Gaussian splatting has trained"),
            (["dataparser_transforms.json"], "what nerfstudio has trained"),
            (["pose/0.txt", "color/0.jpg"], "a ScanNet scene"),
            (["groundtruth.txt", "rgb/0.png"], "a TUM RGB-D sequence"),
            (["seq-01/frame-000000.pose.txt"], "a 7-Scenes sequence"),
            (["clip.MP4"], "a video"),
            (["IMG.HEIC"], "pictures of a phone"),
            (["scene.blend"], "capture it there"),
            (["Room.USDZ"], "capture it there"),
            (["base.ingp"], "a snapshot of instant-ngp"),
            (["poses.csv"], "poses in a table"),
            (["what.json", "ever.bin"], "it holds ever.bin, what.json"),
        ],
    )
    def test_a_folder_is_told_with_its_cure(self, tmp_path: Path, files: list[str], words: str) -> None:
        for name in files:
            (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / name).write_text("{}")
        with pytest.raises(DatasetError, match=re.escape(words)):
            load_dataset(tmp_path / "data")

    def test_a_list_in_the_folder_above(self, tmp_path: Path) -> None:
        write_transforms(tmp_path)
        (tmp_path / "images").mkdir()
        (tmp_path / "images/0.png").touch()
        with pytest.raises(DatasetError, match=rf"but in the one above: give {re.escape(str(tmp_path))}$"):
            load_dataset(tmp_path / "images")

    @pytest.mark.parametrize("name", ["scene.json", "transforms_a.json", "Views.JSON"])
    def test_a_list_by_another_name_alone(self, tmp_path: Path, name: str) -> None:
        write_transforms(tmp_path)
        (tmp_path / "transforms.json").rename(tmp_path / name)
        (tmp_path / "a.json").write_text("{}")
        with pytest.raises(DatasetError, match=f"{re.escape(name)} lists views: give that file itself"):
            load_dataset(tmp_path)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("scene.blend", "capture it there"),
            ("Room.usdz", "capture it there"),
            ("IMG.HEIC", "it is a picture"),
            ("clip.MP4", "it is a video"),
            ("base.ingp", "a snapshot of instant-ngp"),
            ("poses.yaml", "it is no JSON"),
            ("poses.csv", "it is no JSON"),
        ],
    )
    def test_a_file_is_told_with_its_cure(self, tmp_path: Path, name: str, words: str) -> None:
        (tmp_path / name).write_bytes(b"PK\x03\x04" if name.endswith("usdz") else b"\0")
        with pytest.raises(DatasetError, match=f"not a list of views: .*{words}"):
            load_dataset(tmp_path / name)
