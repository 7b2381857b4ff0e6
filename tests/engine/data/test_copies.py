"""Pictures and cameras that are there twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.formats import DatasetError, load_dataset
from tests.engine.data.scenes import warning_about, write_json, write_nerf_synthetic, write_transforms


def add_test_views_to_training(
    folder: Path, name: str = "train/copy_{}", moved: bool = False, shrunk: bool = False, rounded: bool = False
) -> None:
    """Copy all test pictures of a NeRF-synthetic folder into its training list."""
    train, test = (json.loads((folder / f"transforms_{split}.json").read_text()) for split in ("train", "test"))
    for index, frame in enumerate(test["frames"]):
        listed = name.format(index)
        path = folder / (listed if Path(listed).suffix else f"{listed}.png")
        picture = Image.open(folder / f"{frame['file_path']}.png")
        if shrunk:
            picture = picture.resize((32, 32), Image.Resampling.BOX)
        picture.save(path, quality=80)
        pose = np.array(frame["transform_matrix"])
        pose[0, 3] += moved
        pose = pose.round(3) if rounded else pose
        train["frames"].append({"file_path": listed, "transform_matrix": pose.tolist()})
    write_json(folder / "transforms_train.json", train)


class TestCopiesOfTestViews:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("train/copy_{}", {}),
            ("train/copy_{}.bmp", {}),  # the same pixels but for alpha
            ("train/copy_{}.webp", {}),
            ("train/copy_{}", {"shrunk": True}),
            ("train/copy_{}", {"moved": True}),
            ("train/copy_{}.webp", {"rounded": True}),
        ],
    )
    def test_they_are_not_trained_on(self, tmp_path: Path, name: str, options: dict[str, bool]) -> None:
        write_nerf_synthetic(tmp_path, size=64)
        for path in tmp_path.rglob("*.png"):
            Image.open(path).convert("RGB" if "bmp" in name else "RGBA").save(path)
        add_test_views_to_training(tmp_path, name, **options)
        dataset = load_dataset(tmp_path)
        assert [view.name for view in dataset.train] == [f"train_r_{index}" for index in range(4)]
        assert len(dataset.test) == 2
        told = warning_about(dataset, "copies of test views")
        assert "(2, first" in told and "copy_0, of" in told and "aren't trained on" in told

    def test_views_held_out_by_number_too(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, count=5, aabb_scale=1)
        shutil.copy(tmp_path / "0000.png", tmp_path / "0004.png")
        values["frames"][4]["transform_matrix"] = values["frames"][0]["transform_matrix"]
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path, holdout=5)
        assert [view.name for view in dataset.test] == ["0000"] and len(dataset.train) == 3
        assert "(1, first 0004, of 0000)" in warning_about(dataset, "copies of test views")

    def test_where_all_are_copies_they_are_trained_on(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        shutil.rmtree(tmp_path / "train")
        shutil.copytree(tmp_path / "test", tmp_path / "train")
        values = json.loads((tmp_path / "transforms_test.json").read_text().replace("./test", "./train"))
        write_json(tmp_path / "transforms_train.json", values)
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (2, 2)
        assert "(2, first train_r_0): there are no others" in warning_about(dataset, "copies of test views")

    def test_empty_pictures_are_no_copies(self, tmp_path: Path) -> None:
        write_nerf_synthetic(tmp_path)
        for name in ("train/r_1.png", "test/r_1.png"):
            Image.new("RGBA", (24, 24)).save(tmp_path / name)
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 4 and not any("copies" in warning for warning in dataset.warnings)


class TestOneOfTwoIsWrong:
    def test_different_pictures_with_one_pose_are_told(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, count=6, aabb_scale=1)
        for frame in values["frames"][3:]:
            frame["transform_matrix"] = values["frames"][2]["transform_matrix"]
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 6
        (warning,) = dataset.warnings
        assert "exactly the pose of another one" in warning and "(3, first 0003, as 0002)" in warning
        assert "transform_matrix" in warning

    def test_also_where_one_of_them_is_a_test_view(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1, test_filenames=["0001.png"])
        values["frames"][3]["transform_matrix"] = values["frames"][1]["transform_matrix"]
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert (len(dataset.train), len(dataset.test)) == (3, 1)
        assert "(1, first" in warning_about(dataset, "exactly the pose")

    def test_the_same_picture_with_two_poses_is_told(self, tmp_path: Path) -> None:
        write_transforms(tmp_path, aabb_scale=1)
        shutil.copy(tmp_path / "0001.png", tmp_path / "0003.png")
        (warning,) = load_dataset(tmp_path).warnings
        assert "exactly the picture of another one" in warning and "(1, first 0003, as 0001)" in warning

    def test_a_picture_that_is_there_twice_with_its_pose_does_no_harm(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        shutil.copy(tmp_path / "0001.png", tmp_path / "0003.png")
        values["frames"][3]["transform_matrix"] = values["frames"][1]["transform_matrix"]
        write_json(tmp_path / "transforms.json", values)
        dataset = load_dataset(tmp_path)
        assert len(dataset.train) == 4 and dataset.warnings == []


class TestFarFromTheOrigin:
    @pytest.mark.parametrize("scale", [1.0, 0.02])
    def test_what_is_said_is_the_same_as_near_it(self, tmp_path: Path, scale: float) -> None:
        """Photographs in UTM coordinates, of cameras less than a millionth of these apart."""
        offset, told = np.array([455_121.5, 5_411_880.25, 312.5]), []
        for name, moved in (("near", np.zeros(3)), ("far", offset)):
            values = write_transforms(tmp_path / name, count=6)
            for frame in values["frames"]:
                pose = np.array(frame["transform_matrix"])
                pose[:3, 3] = scale * pose[:3, 3] + moved
                frame["transform_matrix"] = pose.tolist()
            box = np.stack([moved - scale, moved + scale]).tolist()
            write_json(tmp_path / name / "transforms.json", values | {"aabb": box})
            told.append(load_dataset(tmp_path / name).warnings)
        assert told[0] == told[1] == []

    @pytest.mark.parametrize(("moved", "is_refused"), [(3.0, True), (1e-7, False)])
    def test_a_repeated_entry_a_few_metres_off_is_another_camera(
        self, tmp_path: Path, moved: float, is_refused: bool
    ) -> None:
        values = write_transforms(tmp_path)
        for frame in values["frames"]:
            frame["transform_matrix"][1][3] += 5_411_880.0
        repeated = json.loads(json.dumps(values["frames"][1]))
        repeated["transform_matrix"][1][3] += moved
        values["frames"].append(repeated)
        write_json(tmp_path / "transforms.json", values)
        if is_refused:
            with pytest.raises(DatasetError, match="listed before with another camera"):
                load_dataset(tmp_path)
        else:
            assert "are read once" in load_dataset(tmp_path).warnings[0]


class TestRepeatedEntries:
    @pytest.mark.parametrize(("factor", "is_refused"), [(1.0 + 1e-7, False), (1.01, True)])
    def test_with_fewer_digits_it_is_the_same_lens(self, tmp_path: Path, factor: float, is_refused: bool) -> None:
        values = write_transforms(tmp_path)
        repeated = values["frames"][1] | {"fl_x": factor * values["fl_x"], "fl_y": values["fl_y"]}
        values["frames"].append(repeated)
        write_json(tmp_path / "transforms.json", values)
        if is_refused:
            with pytest.raises(DatasetError, match="listed before with another camera"):
                load_dataset(tmp_path)
        else:
            assert "are read once" in load_dataset(tmp_path).warnings[0]

    def test_one_of_them_may_have_the_mask_and_the_depth(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        mask = np.full((24, 24), 255, np.uint8)
        mask[:6] = 0
        Image.fromarray(mask).save(tmp_path / "m.png")
        np.save(tmp_path / "d.npy", np.full((24, 24), 4.0, np.float32))
        frames = values["frames"]
        frames += [frames[1] | {"mask_path": "m.png"}, frames[1] | {"depth_file_path": "d.npy"}]
        write_json(tmp_path / "transforms.json", values)
        view = load_dataset(tmp_path).train[1]
        assert view.valid is not None and not view.valid[:6].any() and view.valid[6:].all()
        assert view.depth is not None and (view.depth[6:] == 4.0).all()

    def test_different_masks_are_refused(self, tmp_path: Path) -> None:
        values = write_transforms(tmp_path, aabb_scale=1)
        for name in ("m.png", "n.png"):
            Image.fromarray(np.full((24, 24), 255, np.uint8)).save(tmp_path / name)
        values["frames"].append(values["frames"][1] | {"mask_path": "m.png"})
        values["frames"][1]["mask_path"] = "n.png"
        write_json(tmp_path / "transforms.json", values)
        with pytest.raises(DatasetError, match=r"with another mask, n\.png instead of m\.png"):
            load_dataset(tmp_path)
