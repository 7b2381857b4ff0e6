"""Captures that go on with another one, or come after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]


def test_an_interrupted_capture_goes_on_with_the_missing_views(addon: Import, planned_scene: bpy.types.Scene) -> None:
    with start_capture(addon, planned_scene) as job:
        first = next(job)
        folder = job.dataset.folder
    stamp = job.dataset.image_path(first.name).stat().st_mtime_ns
    (folder / "of the user's.txt").write_text("stays")
    assert job.kept == 0 and not job.is_reading
    with start_capture(addon, planned_scene) as job:
        assert job.kept == 1 and job.is_reading
        beginning = addon("capture.operators")._describe_beginning(job)
        assert beginning == "Capturing 3 of 4 views: the others are there already"
        views = [next(job)]
        assert not job.is_reading
        views += job
    assert [view.is_new for view in views] == [False, True, True, True]
    np.testing.assert_array_equal(views[0].color, first.color)
    np.testing.assert_array_equal(views[0].depth, first.depth)
    assert views[0].seconds == first.seconds
    assert job.dataset.image_path(first.name).stat().st_mtime_ns == stamp
    assert (folder / "of the user's.txt").exists()


def test_other_settings_are_not_mixed_in(addon: Import, planned_scene: bpy.types.Scene) -> None:
    with start_capture(addon, planned_scene) as job:
        next(job)
    planned_scene.cycles.samples = 2
    with pytest.raises(ValueError, match="a capture with samples 1, now it is 2"):
        start_capture(addon, planned_scene)
    planned_scene.cycles.samples = 1
    bpy.data.objects["train_001"].location.x += 0.5
    with pytest.raises(ValueError, match="view train_001 has another camera"):
        start_capture(addon, planned_scene)
    assert "Hashlight Capture" not in bpy.data.scenes


def test_a_lost_or_broken_manifest(addon: Import, planned_scene: bpy.types.Scene) -> None:
    with start_capture(addon, planned_scene) as job:
        view = next(job)
    job.dataset.image_path(view.name).unlink()
    with start_capture(addon, planned_scene) as job:
        assert next(job).is_new
    (job.dataset.folder / "manifest.json").write_text('{"format": 1, "settings"')
    with pytest.raises(ValueError, match="not a capture's manifest"):
        start_capture(addon, planned_scene)


def test_a_second_capture_sees_what_changed_since_the_first(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    """The renderer keeps its data between views, but not between captures."""
    planned_scene.hashlight.capture.rig = "SCENE_CAMERAS"
    centers = []
    for index, x in enumerate((-0.5, 0.5)):
        bpy.data.objects["Cube"].location.x = x
        planned_scene.hashlight.folder = str(tmp_path / str(index))
        with start_capture(addon, planned_scene) as job:
            alpha = next(job).color[..., 3].astype(np.float64)
        centers.append(np.average(np.arange(48), weights=alpha.sum(axis=0)))
    assert centers[1] > centers[0] + 3
