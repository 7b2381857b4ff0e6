"""Pictures of an export: as the scene is displayed, and of the kind that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.data.exr import read_exr
from engine.data.formats import load_dataset
from engine.exporting.exporters import DatasetOptions
from engine.link.view_transform import FILE_NAME, ViewTransform, lattice_colors, save_view_transform
from engine.rendering.display import TableDisplayEncoding
from tests.engine.data.scenes import write_nerf_synthetic
from tests.engine.exporting.captures import SIZE, export, sphere_capture, write_capture


def dark_table() -> ViewTransform:
    """A view transform unlike any curve: red and blue change places, and all is darker."""
    return ViewTransform((lattice_colors(9)[..., ::-1] / 80.0).clip(0.0, 1.0).astype(np.float32))


def test_the_captured_scenes_view_transform_is_in_the_pictures(tmp_path: Path) -> None:
    capture = write_capture(tmp_path / "capture", sphere_capture(2, 0))
    save_view_transform(capture / FILE_NAME, dark_table())
    exported = export("nerfstudio", capture, tmp_path / "out", DatasetOptions(points=0))
    assert exported.warnings == []
    stored = np.array(Image.open(tmp_path / "out/images/v000.png"))
    light = load_dataset(capture).train[0].color[SIZE // 2, SIZE // 2].astype(np.float32)
    shown = TableDisplayEncoding(dark_table())(torch.from_numpy(light[None, :3])).numpy()[0]
    assert np.abs(stored[SIZE // 2, SIZE // 2, :3] / 255.0 - shown).max() < 1.5 / 255.0
    assert stored[0, 0].tolist() == [0, 0, 0, 0] and stored[SIZE // 2, SIZE // 2, 3] == 255


def test_without_one_blenders_standard_is_taken_which_is_said(tmp_path: Path) -> None:
    capture = write_capture(tmp_path / "capture", sphere_capture(2, 0))
    (warning,) = export("nerfstudio", capture, tmp_path / "out", DatasetOptions(points=0)).warnings
    assert "Blender's Standard" in warning
    assert export("nerfstudio", capture, tmp_path / "exr", DatasetOptions(points=0, images="exr")).warnings == []


@pytest.mark.parametrize(("background", "corner"), [(None, 0), ("white", 255)])
def test_jpeg_has_a_background_instead_of_alpha(tmp_path: Path, background: Any, corner: int) -> None:
    capture = write_capture(tmp_path / "capture", sphere_capture(2, 0))
    export("colmap", capture, tmp_path / "out", DatasetOptions(images="jpeg", background=background, points=0))
    picture = np.array(Image.open(tmp_path / "out/images/v000.jpg"))
    assert picture.shape == (SIZE, SIZE, 3) and np.abs(picture[0, 0].astype(int) - corner).max() <= 2


def test_8_bit_pictures_go_out_and_come_back_byte_by_byte(tmp_path: Path) -> None:
    source = write_nerf_synthetic(tmp_path / "lego")
    exported = export("colmap", source, tmp_path / "out", DatasetOptions(points=0, display="raw", holdout=2))
    (warning,) = exported.warnings
    assert "8-bit sRGB, and written as they are: the view transform that was named changes nothing" in warning
    for one, other in zip(load_dataset(source).views, load_dataset(tmp_path / "out").views, strict=True):
        np.testing.assert_array_equal(one.color, other.color)
        assert one.split == other.split


def test_8_bit_pictures_become_light_where_exr_is_asked_for(tmp_path: Path) -> None:
    source = write_nerf_synthetic(tmp_path / "lego")
    export("nerfstudio", source, tmp_path / "out", DatasetOptions(images="exr"))
    light = read_exr(tmp_path / "out/images/train_r_0.exr")["RGBA"]
    value = load_dataset(source).train[0].color[12, 12]
    linear = ((value[:3] / 255.0 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(light[12, 12, :3], linear, rtol=2e-3)
