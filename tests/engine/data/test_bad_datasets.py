"""Every way in which a dataset can be broken: one clear error each, naming what is at fault."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data.capture_folder import save_dataset
from engine.data.exr import write_exr
from engine.data.formats import DatasetError, load_dataset
from engine.data.json_object import read_json_object
from tests.engine.data.scenes import (
    edit_first_frame,
    sphere_dataset,
    sphere_view,
    write_json,
    write_nerf_synthetic,
    write_transforms,
)


def expect_refusal(path: Path, *words: str) -> None:
    with pytest.raises(DatasetError) as caught:
        load_dataset(path)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_folder(tmp_path: Path) -> None:
    expect_refusal(tmp_path / "nowhere", "nowhere", "no such folder")


def test_folder_without_a_dataset(tmp_path: Path) -> None:
    expect_refusal(tmp_path, "transforms.json", str(tmp_path))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"{broken", "line 1, column 2"),
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"{'frames': []}", "double quotes, not in single ones"),
        (b'{"frames": [], "a": True}', "line 1, column 21: Expecting value: true, false and null are written so"),
        (b"{frames: []}", "names go in double quotes"),
        (b'{"a": 1} // so\n, "b"', "line 2, column 1: Extra data"),
        (b'{"a": "\\' * 1000 + b"/*" * 1000, "not a usable JSON file"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"[]", "expected a JSON object"),
        (b"{}", "frames"),
        (b'{"frames": []}', "no views"),
        (b'{"frames": [3]}', "frame 0"),
        (b'{"frames": [{}]}', "file_path"),
        (b'{"frames": [{"file_path": "."}]}', "file_path"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_json_that_is_none_or_holds_no_frames(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "transforms.json").write_bytes(content)
    expect_refusal(tmp_path, "transforms.json", word)


def test_comments_and_last_commas_are_read_over_and_told(tmp_path: Path) -> None:
    values = write_transforms(tmp_path, aabb_scale=1, offset="http://x/*,]*/")
    text = json.dumps(values | {"offset": None}, indent=1).replace("[\n", "[ // of a frame\n").replace("\n }", ",\n }")
    (tmp_path / "transforms.json").write_text("# by hand\n/* , ] } */" + text[:-1] + ",}", encoding="utf-8")
    (warning,) = load_dataset(tmp_path).warnings
    assert "has comments, or commas before a closing bracket" in warning
    write_json(tmp_path / "plain.json", values)
    (tmp_path / "loose.json").write_text("// first\n" + (tmp_path / "plain.json").read_text(), encoding="utf-8")
    assert read_json_object(tmp_path / "loose.json").peek("offset") == "http://x/*,]*/"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"transform_matrix": [[math.nan] * 4] * 4}, ["transform_matrix", "finite"]),
        ({"transform_matrix": [[0.0] * 4] * 4}, ["no inverse"]),
        (
            {"transform_matrix": [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 2]]},
            ["transform_matrix", "last row"],
        ),
        ({"transform_matrix": [[1, 2], [3]]}, ["transform_matrix"]),
        ({"transform_matrix": None}, ["transform_matrix"]),
        ({"fl_x": 0}, ["fx", "focal length"]),
        ({"fl_x": "wide"}, ["fl_x", "wide"]),
        ({"w": 0}, ["w", "0"]),
        ({"w": 100_000}, ["24x24", "100000x24"]),
        ({"w": 10_000_000}, ["w", "10000000"]),
        ({"w": 10.5}, ["w", "10.5"]),
        ({"w": 30}, ["0000.png is 24x24", "30x24"]),
        ({"camera_model": "THIN_PRISM_FISHEYE"}, ["FISHEYE"]),
    ],
)
def test_bad_frames(tmp_path: Path, change: dict[str, Any], words: list[str]) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    edit_first_frame(tmp_path / "transforms.json", **change)
    expect_refusal(tmp_path, *words)


@pytest.mark.parametrize("angle", [0.0, -1.0, 3.2])
def test_impossible_angle_of_view(tmp_path: Path, angle: float) -> None:
    write_nerf_synthetic(tmp_path)
    values = json.loads((tmp_path / "transforms_train.json").read_text()) | {"camera_angle_x": angle}
    write_json(tmp_path / "transforms_train.json", values)
    expect_refusal(tmp_path, "camera_angle_x", "transforms_train.json")


def test_no_focal_length(tmp_path: Path) -> None:
    values = write_transforms(tmp_path)
    del values["fl_x"], values["fl_y"]
    write_json(tmp_path / "transforms.json", values)
    expect_refusal(tmp_path, "no focal length")


@pytest.mark.parametrize("extra", [{"aabb": [[0, 0, 0], [1, 0, 1]]}, {"aabb": 4}, {"aabb_scale": -1}, {"offset": "x"}])
def test_bad_bounds(tmp_path: Path, extra: dict[str, Any]) -> None:
    write_transforms(tmp_path, **extra)
    expect_refusal(tmp_path, next(iter(extra)))


@pytest.mark.parametrize("name", ["0002.png", "0002.exr"])
def test_unreadable_picture(tmp_path: Path, name: str) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    (tmp_path / name).write_bytes(b"no picture")
    values = json.loads((tmp_path / "transforms.json").read_text())
    values["frames"][2]["file_path"] = name
    write_json(tmp_path / "transforms.json", values)
    expect_refusal(tmp_path, name)


def test_truncated_picture(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    path = tmp_path / "0001.png"
    path.write_bytes(path.read_bytes()[:-60])
    expect_refusal(tmp_path, "0001.png")


def test_nan_in_a_picture(tmp_path: Path) -> None:
    save_dataset(tmp_path, sphere_dataset())
    write_exr(tmp_path / "images/view_001.exr", {"RGBA": np.full((24, 24, 4), np.nan, np.float16)})
    expect_refusal(tmp_path, "view_001.exr", "NaN")


def test_depth_of_another_shape(tmp_path: Path) -> None:
    save_dataset(tmp_path, sphere_dataset())
    write_exr(tmp_path / "depth/view_001.exr", {"V": np.ones((5, 9), np.float32)})
    expect_refusal(tmp_path, "view_001", "depth", "9x5")


def test_mixed_kinds_of_pictures(tmp_path: Path) -> None:
    save_dataset(tmp_path, sphere_dataset())
    Image.fromarray(sphere_view(1, 6, "srgb").color).save(tmp_path / "images/view_001.png")
    values = json.loads((tmp_path / "transforms_train.json").read_text())
    values["frames"][1]["file_path"] = "images/view_001.png"
    write_json(tmp_path / "transforms_train.json", values)
    expect_refusal(tmp_path, "view_001", "one kind")


def test_color_space_that_contradicts_the_pictures(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1, color_space="linear")
    expect_refusal(tmp_path, "color_space", "srgb")


def test_all_views_empty(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    for path in tmp_path.glob("*.png"):
        Image.new("RGBA", (24, 24)).save(path)
    expect_refusal(tmp_path, "all views are empty")


@pytest.mark.parametrize("holdout", [0, 1, -3])
def test_holdout_must_leave_views(tmp_path: Path, holdout: int) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    with pytest.raises(DatasetError, match="holdout"):
        load_dataset(tmp_path, holdout=holdout)
