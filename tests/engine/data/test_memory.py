"""A dataset that doesn't fit into memory is told before a picture is decoded."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.data import decoding
from engine.data.formats import DatasetError, load_dataset
from tests.engine.data.scenes import write_transforms


def test_what_does_not_fit_is_told_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_transforms(tmp_path, count=10, aabb_scale=1)
    needed = 10 * 24 * 24 * 4
    monkeypatch.setattr(decoding, "free_memory", lambda device: needed)
    assert len(load_dataset(tmp_path).train) == 10
    (tmp_path / "0001.png").write_bytes((tmp_path / "0001.png").read_bytes()[:-40])  # whose decoding would fail
    monkeypatch.setattr(decoding, "free_memory", lambda device: needed // 4)
    with pytest.raises(
        DatasetError, match=r"10 pictures of up to 24x24 .* scale them down to 10x10, or list every 5\."
    ):
        load_dataset(tmp_path)


def test_where_the_system_does_not_tell_it_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_transforms(tmp_path, aabb_scale=1)
    monkeypatch.setattr(decoding, "free_memory", lambda device: None)
    assert len(load_dataset(tmp_path).train) == 4
