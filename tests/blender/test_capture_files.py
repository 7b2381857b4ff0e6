"""What a capture's dataset on disk is written and read again for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

Import = Callable[[str], ModuleType]


def test_a_view_changes_the_manifest_and_its_own_list_and_the_manifest_is_parsed_once_for_all_views(
    addon: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.link.capture_format import ViewRecord
    from engine.link.geometry import Bounds, Camera

    module, read_view = addon("capture.dataset"), addon("training.captured").read_view
    camera = Camera(np.eye(4), 8, 8, 8.0, 8.0, 4.0, 4.0)
    views = [ViewRecord(name, split, camera, "rig") for name, split in (("a", "train"), ("b", "test"), ("c", "train"))]
    dataset = module.CaptureDataset(tmp_path, {"color_space": "linear"}, Bounds([0] * 3, [1] * 3), views)
    lists = {split: tmp_path / f"transforms_{split}.json" for split in ("train", "test")}
    before = {split: path.stat().st_ino for split, path in lists.items()}
    parsed, read_manifest = [], module.read_manifest
    monkeypatch.setattr(module, "read_manifest", lambda path: parsed.append(path) or read_manifest(path))
    cost = addon("capture.render_cost").RenderCost(0.1, None)
    for count, name in enumerate("ac", 1):
        dataset.write(name, np.ones((8, 8, 4), np.float16), None, cost)
        assert [read_view(tmp_path, each).split for each in "ac"[:count] * 2] == ["train"] * (2 * count)
        assert len(parsed) == count
    assert lists["test"].stat().st_ino == before["test"] and lists["train"].stat().st_ino != before["train"]
    assert lists["train"].read_text().count("file_path") == 2
