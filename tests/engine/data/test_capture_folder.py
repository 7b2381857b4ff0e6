"""Hashlight's own capture folder: written, and read as any dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data.capture_folder import save_dataset
from engine.data.exr import write_exr
from engine.data.formats import DatasetError, load_dataset
from tests.engine.data.scenes import (
    sphere_dataset,
)


@pytest.mark.parametrize("color_space", ["linear", "srgb"])
def test_comes_back_as_it_was_written(tmp_path: Path, color_space: Any) -> None:
    written = sphere_dataset(color_space=color_space)
    save_dataset(tmp_path, written)
    read = load_dataset(tmp_path)
    assert read.color_space == color_space and read.warnings == []
    assert read.bounds.to_json() == written.bounds.to_json()
    assert [view.name for view in read.test] == [view.name for view in written.test]
    for ours, theirs in zip(read.views, written.views, strict=True):
        assert ours.camera.to_json() == theirs.camera.to_json() and ours.split == theirs.split
        np.testing.assert_array_equal(ours.color, theirs.color)
        np.testing.assert_array_equal(ours.depth, theirs.depth)


def test_without_held_out_views(tmp_path: Path) -> None:
    save_dataset(tmp_path, sphere_dataset(held_out=0))
    dataset = load_dataset(tmp_path)
    assert len(dataset.train) == 6 and dataset.test == []


def test_blenders_far_value_means_nothing_there(tmp_path: Path) -> None:
    save_dataset(tmp_path, sphere_dataset())
    known = sphere_dataset().train[0].depth
    assert known is not None and np.isinf(known).any()
    write_exr(tmp_path / "depth/view_000.exr", {"V": np.where(np.isinf(known), 1e10, known).astype(np.float32)})
    depth = load_dataset(tmp_path).train[0].depth
    assert depth is not None and np.array_equal(np.isinf(depth), np.isinf(known))


def test_bright_float_pictures_are_clamped_to_half(tmp_path: Path) -> None:
    save_dataset(tmp_path, sphere_dataset())
    write_exr(tmp_path / "images/view_000.exr", {"RGB": np.full((24, 24, 3), 1e6, np.float32)})
    color = load_dataset(tmp_path).train[0].color
    assert color.dtype == np.float16 and color[0, 0].tolist() == [65504, 65504, 65504, 1]


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DatasetError, match="taken"):
        save_dataset(tmp_path / "taken", sphere_dataset())
