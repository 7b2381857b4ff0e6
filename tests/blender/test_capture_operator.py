"""The Capture button: all that one needs, and one clear error where that can't be had."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]


def test_operator_writes_a_whole_dataset(planned_scene: bpy.types.Scene, tmp_path: Path) -> None:
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    folder = tmp_path / "capture"
    train = json.loads((folder / "transforms_train.json").read_text())
    test = json.loads((folder / "transforms_test.json").read_text())
    assert len(train["frames"]) == 3
    assert len(test["frames"]) == 1
    for frame in (*train["frames"], *test["frames"]):
        assert (folder / frame["file_path"]).is_file()
        assert (folder / frame["depth_file_path"]).is_file()
        assert (frame["w"], frame["h"]) == (48, 48)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert all(view["done"] and view["render_seconds"] > 0 for view in manifest["views"])
    assert not list(folder.rglob(".*.part.*"))


def test_one_button_is_enough(addon: Import, small_scene: bpy.types.Scene, tmp_path: Path) -> None:
    settings = small_scene.hashlight
    settings.folder = str(tmp_path)
    settings.capture.training_views, settings.capture.held_out_views = 2, 1
    assert bpy.ops.hashlight.capture() == {"FINISHED"}
    assert sorted(path.name for path in (tmp_path / "capture" / "images").iterdir()) == [
        "test_000.exr",
        "train_000.exr",
        "train_001.exr",
    ]
    bounds = addon("capture.bounds").bounds_object(small_scene)
    bounds.location.x += 1.0
    small_scene.hashlight.folder = str(tmp_path / "again")
    bpy.ops.hashlight.capture()
    manifest = json.loads((tmp_path / "again" / "capture" / "manifest.json").read_text())
    middle = np.mean([manifest["bounds"]["minimum"], manifest["bounds"]["maximum"]], axis=0)
    np.testing.assert_allclose(middle, bounds.location, atol=1e-5, err_msg="bounds that are there are kept")


def test_the_operator_asks_for_no_window(planned_scene: bpy.types.Scene, tmp_path: Path) -> None:
    assert bpy.ops.hashlight.capture("INVOKE_DEFAULT") == {"FINISHED"}
    assert len(list((tmp_path / "capture" / "images").glob("*.exr"))) == 4


def test_a_rig_that_cannot_be_had_leaves_the_planned_cameras(addon: Import, planned_scene: bpy.types.Scene) -> None:
    bpy.data.objects.remove(planned_scene.camera)
    for rig in ("SCENE_CAMERAS", "ANIMATION"):
        planned_scene.hashlight.capture.rig = rig
        with pytest.raises(RuntimeError, match="camera"):
            bpy.ops.hashlight.plan_cameras()
        assert addon("capture.plan").has_planned_cameras(planned_scene)


def test_one_clear_error_each(addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene = planned_scene
    (tmp_path / "capture").write_text("in the way")
    with pytest.raises(RuntimeError, match="capture: can't be written"):
        bpy.ops.hashlight.capture()
    (tmp_path / "capture").unlink()

    scene.camera.data.type = "PANO"
    scene.hashlight.capture.rig = "SCENE_CAMERAS"
    with pytest.raises(RuntimeError, match=r"no perspective camera.*Camera is panoramic"):
        bpy.ops.hashlight.capture()
    bpy.data.objects.remove(scene.camera)
    with pytest.raises(RuntimeError, match="no camera of its own"):
        bpy.ops.hashlight.capture()
    scene.hashlight.capture.rig = "ANIMATION"
    with pytest.raises(RuntimeError, match="no active camera"):
        bpy.ops.hashlight.capture()
    scene.hashlight.capture.rig = "RINGS"
    addon("capture.plan").remove_planned_cameras(scene)
    scene.hashlight.capture.elevation_min, scene.hashlight.capture.elevation_max = 1.0, 0.5
    with pytest.raises(RuntimeError, match="lowest elevation"):
        bpy.ops.hashlight.capture()
    bpy.data.objects.remove(bpy.data.objects["Hashlight Bounds"])
    with pytest.raises(RuntimeError, match="use Fit Bounds first"):
        bpy.ops.hashlight.plan_cameras()
    assert not (tmp_path / "capture").exists()
