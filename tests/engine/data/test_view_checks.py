"""Views that teach nothing or something wrong, and pictures beside them that nothing names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data.formats import load_dataset
from tests.engine.data.scenes import warning_about, write_json, write_nerf_synthetic, write_transforms


def test_alpha_that_is_0_and_1_is_told(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    for path in (tmp_path / "0001.png", tmp_path / "0002.png"):
        pixels = np.array(Image.open(path))
        pixels[..., 3] //= 255
        Image.fromarray(pixels).save(path)
    (warning,) = load_dataset(tmp_path).warnings
    assert (
        "next to nothing, as alpha is 10% at most (2 of 4, first 0001)" in warning
        and "store it as 0 and 255" in warning
    )


@pytest.mark.parametrize("is_inverted", [True, False])
def test_alpha_that_is_the_other_way_round_is_told(tmp_path: Path, is_inverted: bool) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    for path in tmp_path.glob("*.png") if is_inverted else ():
        pixels = np.array(Image.open(path))
        pixels[..., 3] = 255 - pixels[..., 3]
        Image.fromarray(pixels).save(path)
    told = [each for each in load_dataset(tmp_path).warnings if "the other way round" in each]
    assert len(told) == is_inverted
    assert all("transparent in their middle and opaque at their edge (4, first 0000" in each for each in told)


@pytest.mark.parametrize("color", [(0, 0, 0), (200, 10, 10)])
def test_views_of_one_colour_are_told(tmp_path: Path, color: tuple[int, int, int]) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    Image.new("RGB", (24, 24), color).save(tmp_path / "0002.png")
    (warning,) = load_dataset(tmp_path).warnings
    assert "views of one colour alone (1 of 4, first 0002)" in warning and "remove them" in warning


def on_color(path: Path, color: tuple[int, int, int]) -> None:
    """Put the picture before a colour, without alpha."""
    picture = Image.open(path)
    background = Image.new("RGBA", picture.size, (*color, 255))
    background.alpha_composite(picture)
    background.convert("RGB").save(path)


@pytest.mark.parametrize("split", ["train", "test"])
def test_pictures_before_a_colour_among_transparent_ones_are_told(tmp_path: Path, split: str) -> None:
    write_nerf_synthetic(tmp_path, train=6, test=3)
    for index in range(2):
        on_color(tmp_path / split / f"r_{index}.png", (255, 255, 255))
    told = warning_about(load_dataset(tmp_path), "one colour around what they show")
    assert f"where 7 others are transparent (2, first {split}_r_0)" in told and "white_transparent" in told
    for name in ("train", "test"):
        path = tmp_path / f"transforms_{name}.json"
        write_json(path, json.loads(path.read_text()) | {"white_transparent": True})
    assert not any("one colour around" in warning for warning in load_dataset(tmp_path).warnings)


def test_a_close_up_among_transparent_pictures_is_not_told(tmp_path: Path) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    picture = Image.open(tmp_path / "0002.png").convert("RGB").crop((9, 9, 15, 15)).resize((24, 24))
    picture.save(tmp_path / "0002.png")
    assert not any("one colour around" in warning for warning in load_dataset(tmp_path).warnings)


def test_poses_that_were_not_found_are_told(tmp_path: Path) -> None:
    values = write_transforms(tmp_path, count=5, aabb_scale=1)
    values["frames"][3]["transform_matrix"] = np.eye(4).tolist()
    write_json(tmp_path / "transforms.json", values)
    told = warning_about(load_dataset(tmp_path), "identity")
    assert "(1, first 0003.png)" in told and "remove them" in told


def test_the_first_pose_may_be_what_the_others_are_relative_to(tmp_path: Path) -> None:
    values = write_transforms(tmp_path, count=5, aabb_scale=1)
    poses = [np.array(frame["transform_matrix"]) for frame in values["frames"]]
    for frame, pose in zip(values["frames"], poses, strict=True):
        frame["transform_matrix"] = (np.linalg.inv(poses[0]) @ pose).tolist()
    values["frames"][0]["transform_matrix"] = np.eye(4).tolist()
    write_json(tmp_path / "transforms.json", values)
    assert not any("identity" in warning for warning in load_dataset(tmp_path).warnings)


def test_a_camera_far_from_all_others_is_told(tmp_path: Path) -> None:
    values = write_transforms(tmp_path, count=6, aabb_scale=1)
    for row in range(3):
        values["frames"][4]["transform_matrix"][row][3] *= 200.0
    write_json(tmp_path / "transforms.json", values)
    told = warning_about(load_dataset(tmp_path), "far from all others")
    assert "(1, first 0004: " in told and "times as far" in told and "transform_matrix" in told


@pytest.mark.parametrize("name", ["depth/*.png", "Depths/*.exr", "depth_16bit/x/*.tiff", "disparity/*.npy"])
def test_depth_that_nothing_names_is_told(tmp_path: Path, name: str) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    for index in range(3):
        path = tmp_path / name.replace("*", str(index))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"it isn't opened")
    (warning,) = load_dataset(tmp_path).warnings
    assert "look like depth (3, first 0." in warning and "depth_file_path" in warning
    write_transforms(tmp_path, aabb_scale=1, enable_depth_loading=False)
    assert load_dataset(tmp_path).warnings == []
