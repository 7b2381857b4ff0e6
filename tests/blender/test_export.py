"""What is captured in Blender, written as another program's dataset by the real engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import capture

Import = Callable[[str], ModuleType]

ENGINE_PYTHON = os.environ.get("HASHLIGHT_ENGINE_PYTHON") or sys.executable


@pytest.fixture
def captured(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[bpy.types.Scene]:
    """A scene of which four views are captured, with an engine to be had."""
    monkeypatch.setenv("HASHLIGHT_ENGINE_PYTHON", ENGINE_PYTHON)
    planned_scene.hashlight.folder = str(tmp_path / "pot.hashlight")
    capture()
    yield planned_scene
    addon("session.registry").close()


def test_a_capture_becomes_a_colmap_project_and_back_a_dataset(
    addon: Import, captured: bpy.types.Scene, drawn: Callable[[str], str], tmp_path: Path
) -> None:
    exports, registry = addon("exporting.exports"), addon("session.registry")
    target = tmp_path / "pot-colmap"
    assert bpy.ops.hashlight.export_dataset(filepath=str(target), points=200) == {"FINISHED"}
    assert exports.is_exporting() and not bpy.ops.hashlight.export_dataset.poll()
    assert "A dataset is being exported" in addon("takes.switching").find_refusal()
    assert registry.pump_until(lambda: not exports.is_exporting(), 120.0)
    state, words, warnings = exports.outcome(captured)
    assert state == "done" and words.startswith("3 training and 1 test view, "), (words, warnings)
    assert exports.exported_folder(captured) == target
    assert "Open Dataset Folder" in drawn("HASHLIGHT_PT_export") and words in drawn("HASHLIGHT_PT_export")

    manifest = addon("capture.dataset").CaptureDataset.open(tmp_path / "pot.hashlight" / "capture")
    names = {f"{name}.png" for name in manifest.views}
    assert {path.name for path in (target / "images").iterdir()} == names
    from engine.data.colmap_binary import read_images, read_points

    for image in read_images(target / "sparse/0/images.bin"):
        camera = manifest.views[image.name.removesuffix(".png")].camera
        np.testing.assert_allclose(image.camera_to_world, camera.camera_to_world, atol=1e-6)
    points = read_points(target / "sparse/0/points3D.bin")
    bounds = manifest.bounds
    assert len(points) > 100
    assert ((points > bounds.minimum - 0.01) & (points < bounds.maximum + 0.01)).all()

    bpy.ops.hashlight.export_dataset(filepath=str(target))  # is never written over
    assert registry.pump_until(lambda: not exports.is_exporting(), 120.0)
    state, words, _ = exports.outcome(captured)
    assert state == "failed" and "something is there already" in words


def test_cancelling_leaves_nothing_behind(addon: Import, captured: bpy.types.Scene, tmp_path: Path) -> None:
    exports, registry = addon("exporting.exports"), addon("session.registry")
    bpy.ops.hashlight.export_dataset(filepath=str(tmp_path / "out"), dataset_format="nerfstudio")
    assert exports.is_exporting()
    bpy.ops.hashlight.cancel_export()
    assert registry.pump_until(lambda: not exports.is_exporting(), 10.0)
    assert exports.outcome(captured)[0] == "cancelled" and exports.exported_folder(captured) is None
    assert {path.name for path in tmp_path.iterdir()} == {"pot.hashlight"}


def test_there_must_be_something_to_export_and_a_place_for_it(
    addon: Import, captured: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match="nowhere: no such folder"):
        bpy.ops.hashlight.export_dataset(filepath=str(tmp_path / "nowhere" / "out"))
    captured.hashlight.folder = str(tmp_path / "empty")
    with pytest.raises(RuntimeError, match="Nothing is captured yet"):
        bpy.ops.hashlight.export_dataset(filepath=str(tmp_path / "out"))
