"""Names of fields that other programs spell otherwise, and what is said of those that aren't read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data.formats import DatasetError, load_dataset
from engine.data.remarks import Remarks
from engine.data.splits import split_by_lists
from engine.data.transforms import Transforms, read_transforms
from tests.engine.data.scenes import write_json, write_transforms

TERMS = {"k1": 0.1, "k2": -0.02, "p1": 0.003, "p2": 0.004}
LISTED = list(TERMS.values())


def read(path: Path, remarks: Remarks, frame: dict[str, Any] | None = None, **extra: Any) -> Transforms:
    """A list of two frames with ``extra``, and ``frame`` in each of them."""
    frames = [
        {"file_path": f"{at}.png", "transform_matrix": np.eye(4).tolist()} | ({} if frame is None else frame)
        for at in range(2)
    ]
    return read_transforms(write_json(path / "transforms.json", {"fl_x": 30.0, "frames": frames} | extra), remarks)


@pytest.mark.parametrize(
    "said",
    [
        {"K1": 0.1, "K2": -0.02, "P1": 0.003, "P2": 0.004},
        {"k_1": 0.1, "k_2": -0.02, "p_1": 0.003, "p_2": 0.004},
        {"D": LISTED},
        {"distCoeffs": LISTED},
        {"distortion_parameters": LISTED},
        {"distortion_coeff": LISTED},
        {"lens_distortion": TERMS},
        {"Distortion_Params": LISTED},
        {"camera": TERMS},
        {"camera": {"fx": 40.0, "width": 24, "height": 24} | TERMS},
    ],
)
@pytest.mark.parametrize("in_frame", [False, True])
def test_distortion(tmp_path: Path, said: dict[str, Any], in_frame: bool) -> None:
    remarks = Remarks()
    transforms = read(tmp_path, remarks, said) if in_frame else read(tmp_path, remarks, **said)
    transforms.tell_unused(remarks)
    lens = transforms.frames[1].lens
    assert {name: lens.distortion[name] for name in TERMS} == TERMS
    assert not any("used" in sentence for sentence in remarks.sentences())


@pytest.mark.parametrize("name", ["camera_id", "cameraId", "sensor_id"])
@pytest.mark.parametrize("cameras", [[{"id": 7} | TERMS, {"id": 8, "fx": 40.0}], {"7": TERMS, "8": {"fl_x": 40.0}}])
def test_one_of_several_cameras(tmp_path: Path, name: str, cameras: Any) -> None:
    remarks = Remarks()
    lenses = [read(tmp_path, remarks, {name: at}, cameras=cameras).frames[0].lens for at in (7, 8)]
    assert lenses[0].distortion == TERMS and lenses[0].values["fl_x"] == 30.0
    assert lenses[1].values["fl_x"] == 40.0 and not lenses[1].distortion
    with pytest.raises(DatasetError, match=rf"{name}: expected one of the file's cameras \(7, 8\), got 9"):
        read(tmp_path, remarks, {name: 9}, cameras=cameras)


def test_what_a_camera_says_and_is_not_used_is_told(tmp_path: Path) -> None:
    remarks = Remarks()
    read(tmp_path, remarks, camera=TERMS | {"serial": 3})
    assert "descriptions of cameras hold 1 value that isn't used (serial; once" in remarks.sentences()[-1]


@pytest.mark.parametrize(
    "name", ["mask_file", "masks_path", "mask_filename", "maskPath", "mask-path", "Mask_Path", "dynamic_mask_path"]
)
def test_masks(tmp_path: Path, name: str) -> None:
    frame = read(tmp_path, Remarks(), {name: "m/0.png"}).frames[1]
    assert frame.mask_path == "m/0.png" and frame.masks_out == name.startswith("dynamic")


@pytest.mark.parametrize("name", ["mask_filenames", "masks"])
def test_a_list_of_masks(tmp_path: Path, name: str) -> None:
    frames = read(tmp_path, Remarks(), **{name: ["m/0.png", "m/1.png"]}).frames
    assert [frame.mask_path for frame in frames] == ["m/0.png", "m/1.png"]


@pytest.mark.parametrize("name", ["depth", "depth_file", "depth_map", "depth_image_path", "depthFilePath"])
def test_depth(tmp_path: Path, name: str) -> None:
    transforms = read(tmp_path, Remarks(), {name: "d/0.png"})
    assert transforms.frames[0].depth_path == "d/0.png" and transforms.says_of_depth


def test_what_a_dynamic_mask_has_is_left_out(tmp_path: Path) -> None:
    values = write_transforms(tmp_path, aabb_scale=1)
    mask = np.zeros((24, 24), np.uint8)
    mask[:6] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    values["frames"][0]["dynamic_mask_path"] = "m.png"
    write_json(tmp_path / "transforms.json", values)
    valid = load_dataset(tmp_path).train[0].valid
    assert valid is not None and not valid[:6].any() and valid[6:].all()


def test_a_frame_says_its_own_background(tmp_path: Path) -> None:
    assert read(tmp_path, Remarks(), {"white_transparent": True}).frames[0].transparent == ("white",)
    frame = read(tmp_path, Remarks(), {"whiteTransparent": False}, white_transparent=True, black_transparent=1).frames[
        0
    ]
    assert frame.transparent == ("black",)


@pytest.mark.parametrize(
    "said",
    [
        *({"is_test": value} for value in ("true", "Yes", 1, True)),
        *({"test": 1}, {"isTrain": 0}, {"type": "test"}, {"usage": "validation"}, {"data_split": "test"}),
    ],
)
def test_splits_of_frames(tmp_path: Path, said: dict[str, Any]) -> None:
    assert [frame.split for frame in read(tmp_path, Remarks(), said).frames] == ["test", "test"]


@pytest.mark.parametrize("said", [{"testFilenames": ["1.png"]}, {"valFilenames": ["1"]}, {"test_mask": [False, True]}])
def test_split_lists(tmp_path: Path, said: dict[str, Any]) -> None:
    remarks = Remarks()
    assert split_by_lists(read(tmp_path, remarks, **said), remarks) == ["train", "test"]


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("white_background", True, "white_transparent"),
        ("white_bkgd", True, "white_transparent"),
        ("background_color", [1, 1, 1], "white_transparent"),
        ("mask_color", [0, 0, 0], "mask_path"),
        ("segmentation_path", "s.png", "mask_path"),
        ("distortion_table", [0.1], "k1 to k6, p1 and p2"),
        ("depth_range", [0, 4], "depth_file_path"),
        ("split_ratio", 0.9, "test_filenames"),
        ("shift_x", 0.1, None),
    ],
)
def test_what_is_not_read_is_told_with_the_field_that_is(
    tmp_path: Path, name: str, value: Any, field: str | None
) -> None:
    remarks = Remarks()
    read(tmp_path, remarks, **{name: value}).tell_unused(remarks)
    (sentence,) = [each for each in remarks.sentences() if name in each]
    assert "1 value isn't used" in sentence
    assert ("call it" in sentence and field in sentence) if field else "call it" not in sentence


def test_names_of_a_list_are_told_together(tmp_path: Path) -> None:
    remarks = Remarks()
    text = json.dumps([1, 1, 1])
    read(tmp_path, remarks, {"mask_color": text}, white_bkgd=1, bg=2).tell_unused(remarks)
    (sentence,) = [each for each in remarks.sentences() if "bkgd" in each]
    assert "if white_bkgd and bg say a background, call it white_transparent or black_transparent" in sentence
    assert "if mask_color says masks, call it mask_path" in sentence
