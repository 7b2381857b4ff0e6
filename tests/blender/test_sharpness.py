"""How large a bake is compared with what was captured: what the panels say, and the sizes that they choose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

Import = Callable[[str], ModuleType]


@pytest.fixture
def captured_scene(addon: Import, planned_scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch) -> bpy.types.Scene:
    """With 3 + 1 views of 48x48, captured."""
    monkeypatch.setattr(addon("bake.sharpness"), "_MAX_AGE", 0.0)
    bpy.ops.hashlight.capture()
    return planned_scene


def manifest_of(scene: bpy.types.Scene) -> Path:
    return Path(scene.hashlight.folder) / "capture" / "manifest.json"


def spanned(alpha: np.ndarray) -> int:
    """How many pixels the box around what is covered is wide or high."""
    columns, rows = (np.flatnonzero((alpha > 0).any(axis=axis)) for axis in (0, 1))
    return int(max(np.ptp(columns), np.ptp(rows))) + 1


def test_the_captured_subject_is_as_large_as_the_pictures_show_it(
    addon: Import, captured_scene: bpy.types.Scene
) -> None:
    from engine.link.framing import filled_share

    dataset = addon("capture.dataset").CaptureDataset.open(manifest_of(captured_scene).parent)
    assert 8 <= len(dataset.subject) <= 300
    alphas = [dataset.read(name)[0][..., 3] for name, view in dataset.views.items() if view.split == "train"]
    captured, _ = addon("bake.sharpness").enlargement(captured_scene)
    assert captured == pytest.approx(np.median([spanned(alpha) for alpha in alphas]), abs=2.0)
    assert min(filled_share(alpha) for alpha in alphas) >= 0.65
    assert np.median([filled_share(alpha) for alpha in alphas]) >= 0.8


def test_a_bake_follows_the_captures_until_a_size_is_chosen(
    addon: Import, captured_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    sharpness, settings = addon("bake.sharpness"), captured_scene.hashlight.bake
    width, height = sharpness.bake_size(captured_scene)
    assert width == height and 40 <= width <= 80
    captured, baked = sharpness.enlargement(captured_scene)
    assert baked / captured == pytest.approx(1.0, abs=0.05)
    assert f"Sharp: captures show the subject {captured:.0f} pixels across, these frames" in drawn("HASHLIGHT_PT_bake")
    assert f"{width} x {height} pixels" in drawn("HASHLIGHT_PT_bake_output")
    assert drawn("HASHLIGHT_PT_capture_for_bake") == ""

    settings.resolution_x = settings.resolution_y = 200
    assert not settings.use_capture_size
    assert sharpness.bake_size(captured_scene) == (200, 200)
    captured, baked = sharpness.enlargement(captured_scene)
    assert f"Soft, enlarged {baked / captured:.1f} times" in drawn("HASHLIGHT_PT_bake")
    settings.resolution_x = settings.resolution_y = round(1.4 * width)
    assert "A little soft" in drawn("HASHLIGHT_PT_bake")

    settings.path = "ANIMATION"
    captured_scene.render.resolution_x = captured_scene.render.resolution_y = 4000
    bpy.context.view_layer.update()
    words = drawn("HASHLIGHT_PT_bake")
    assert "Soft, enlarged" in words and f"frame {captured_scene.frame_current} " in words


def test_the_softest_frame_of_an_animation_is_named(addon: Import, captured_scene: bpy.types.Scene) -> None:
    sharpness, paths = addon("bake.sharpness"), addon("bake.paths")
    captured_scene.hashlight.bake.path = "ANIMATION"
    captured_scene.frame_start, captured_scene.frame_end = 11, 14
    captured_scene.render.resolution_x = captured_scene.render.resolution_y = 48
    camera = captured_scene.camera.data
    for frame, zoom in ((11, 1.0), (13, 1.0), (14, 8.0)):
        camera.lens = 30.0 * zoom
        camera.keyframe_insert("lens", frame=frame)
    captured_scene.frame_set(11)
    try:
        near, far = addon("bake.sharpness").enlargement(captured_scene), paths.animation_cameras(captured_scene)
        words = sharpness.describe_softest(captured_scene, far)
        assert "1 of 4 frames will be soft: frame 14 enlarges what was captured" in words
        assert sharpness.describe_softest(captured_scene, far[:3]) == ""
        captured_scene.frame_set(14)
        zoomed = sharpness.enlargement(captured_scene)
        assert zoomed[1] / near[1] == pytest.approx(8.0, rel=0.2), "the subject is wider than the picture"
    finally:
        camera.animation_data_clear()


def test_larger_captures_make_larger_bakes(addon: Import, captured_scene: bpy.types.Scene) -> None:
    before = addon("bake.sharpness").bake_size(captured_scene)
    settings = captured_scene.hashlight
    settings.folder = str(Path(settings.folder) / "other")
    settings.capture.resolution_x = settings.capture.resolution_y = 96
    assert addon("bake.sharpness").bake_size(captured_scene) == (480, 480), "nothing is captured there"
    bpy.ops.hashlight.capture()
    after = addon("bake.sharpness").bake_size(captured_scene)
    assert after[0] == pytest.approx(2 * before[0], abs=4)


def test_the_size_that_captures_need_for_a_chosen_bake_is_offered_and_applied(
    addon: Import, planned_scene: bpy.types.Scene, drawn: Callable[[str], str]
) -> None:
    sharpness, settings = addon("bake.sharpness"), planned_scene.hashlight
    bpy.context.view_layer.update()
    settings.bake.resolution_x = settings.bake.resolution_y = 300
    settings.capture.use_scene_resolution = True  # 48 x 48, too
    wanted = sharpness.suggest_capture_size(planned_scene, bpy.context.view_layer.depsgraph)
    words = drawn("HASHLIGHT_PT_capture_for_bake")
    parents = {bpy.types.HASHLIGHT_PT_capture_for_bake.bl_parent_id, "HASHLIGHT_PT_capture"}
    assert parents == {"HASHLIGHT_PT_capture"}, "within a panel that is closed at first it would not be seen"
    planned_scene.hashlight.capture.show_settings = False
    assert words == drawn("HASHLIGHT_PT_capture_for_bake"), "also when the plan is folded"
    assert f"Sharp frames of 300 x 300 need captures of {wanted[0]} x {wanted[1]}" in words
    assert f"Capture at {wanted[0]} x {wanted[1]}" in words
    assert bpy.ops.hashlight.capture_for_bake() == {"FINISHED"}
    assert not settings.capture.use_scene_resolution
    assert (settings.capture.resolution_x, settings.capture.resolution_y) == wanted
    bpy.context.view_layer.update()
    assert drawn("HASHLIGHT_PT_capture_for_bake") == ""
    assert bpy.ops.hashlight.capture_for_bake() == {"CANCELLED"}


@pytest.mark.parametrize("subject", [None, "nonsense", [[1.0, 2.0]], []])
def test_a_manifest_without_the_subject_goes_by_the_bounds(
    addon: Import, captured_scene: bpy.types.Scene, drawn: Callable[[str], str], subject: object
) -> None:
    path = manifest_of(captured_scene)
    manifest = json.loads(path.read_text())
    del manifest["subject"]
    if subject is not None:
        manifest["subject"] = subject
    path.write_text(json.dumps(manifest))
    dataset = addon("capture.dataset").CaptureDataset.open(path.parent)
    assert dataset.subject is None
    captured, baked = addon("bake.sharpness").enlargement(captured_scene)
    assert baked / captured == pytest.approx(1.0, abs=0.1)
    assert "Sharp: captures show" in drawn("HASHLIGHT_PT_bake")
    bpy.ops.hashlight.capture()  # resumed: all is there already
    assert json.loads(path.read_text())["subject"]


def test_the_turntable_frames_what_was_captured(addon: Import, captured_scene: bpy.types.Scene) -> None:
    from engine.link.geometry import Bounds

    sharpness, paths = addon("bake.sharpness"), addon("bake.paths")
    bounds = addon("capture.bounds").read_bounds(captured_scene, bpy.context.evaluated_depsgraph_get())
    subject = sharpness.subject_to_bake(captured_scene, bounds)
    assert len(subject) > 8
    loose, tight = (paths.turntable_cameras(captured_scene, bounds, (64, 64), those) for those in (None, subject))
    assert np.linalg.norm(tight[0].position - bounds.center) < np.linalg.norm(loose[0].position - bounds.center)
    other = Bounds(bounds.minimum - 1.0, bounds.maximum)
    np.testing.assert_array_equal(sharpness.subject_to_bake(captured_scene, other), other.corners)
