"""Capturing with other render engines than Cycles. What EEVEE gives is tested in a window: see tests/gui."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]


class FlatEngine(bpy.types.RenderEngine):
    """Paints the lower half of every view, and knows no depth."""

    bl_idname = "HASHLIGHT_TEST_FLAT"
    bl_label = "Flat Painter"
    bl_use_postprocess = True
    promises_depth = False

    def update_render_passes(self, scene: bpy.types.Scene, layer: bpy.types.ViewLayer) -> None:
        self.register_pass(scene, layer, "Combined", 4, "RGBA", "COLOR")
        if self.promises_depth:
            self.register_pass(scene, layer, "Depth", 1, "Z", "VALUE")

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        width, height = depsgraph.scene.render.resolution_x, depsgraph.scene.render.resolution_y
        pixels = np.zeros((height, width, 4), np.float32)
        pixels[: height // 2] = (0.25, 0.5, 1.0, 1.0)
        result = self.begin_result(0, 0, width, height)
        result.layers[0].passes["Combined"].rect.foreach_set(pixels.reshape(-1))
        self.end_result(result)


@pytest.fixture(params=[False, True], ids=["no pass", "an empty pass"])
def flat_scene(planned_scene: bpy.types.Scene, request: pytest.FixtureRequest) -> Iterator[bpy.types.Scene]:
    """The planned scene, to be rendered by an engine without depth."""
    FlatEngine.promises_depth = request.param
    bpy.utils.register_class(FlatEngine)
    planned_scene.render.engine = FlatEngine.bl_idname
    yield planned_scene
    bpy.utils.unregister_class(FlatEngine)


def test_an_engine_without_depth_is_captured_without_and_that_is_said_once(
    addon: Import, flat_scene: bpy.types.Scene
) -> None:
    assert flat_scene.hashlight.capture.use_depth
    with start_capture(addon, flat_scene) as job:
        views = list(job)
        warnings = job.warnings
    assert len(views) == 4
    for view in views:
        assert view.depth is None
        np.testing.assert_array_equal(view.color[:24], 0.0)
        np.testing.assert_array_equal(view.color[24:].reshape(-1, 4), [(0.25, 0.5, 1.0, 1.0)] * (24 * 48))
    (told,) = [each.words for each in warnings if "depth" in each.words]
    assert told.startswith("Flat Painter gave no depth in 4 of 4 views")
    listed = json.loads((job.dataset.folder / "transforms_train.json").read_text())["frames"]
    assert len(listed) == 3 and not any("depth_file_path" in frame for frame in listed)


def test_a_capture_without_depth_is_resumed_without(addon: Import, flat_scene: bpy.types.Scene) -> None:
    with start_capture(addon, flat_scene) as job:
        first = next(job)
    with start_capture(addon, flat_scene) as job:
        views = {view.name: view for view in job}
    assert not views[first.name].is_new
    assert all(view.depth is None for view in views.values())
    dataset = addon("capture.dataset").CaptureDataset.open(Path(job.dataset.folder))
    assert all(dataset.read(name)[1] is None for name in views)


def test_depth_that_is_known_in_a_part_of_a_picture_is_kept(addon: Import) -> None:
    passes = addon("capture.passes")
    color = np.ones((2, 2, 4), np.float16)
    depth = passes._as_depth(np.array([[[0.0], [1e10]], [[3.0], [np.nan]]], np.float32))
    np.testing.assert_array_equal(depth, [[np.inf, np.inf], [3.0, np.inf]])
    assert passes.has_depth(color, depth)
    assert not passes.has_depth(color, np.full((2, 2), np.inf, np.float32))
    assert passes.has_depth(np.zeros((2, 2, 4), np.float16), np.full((2, 2), np.inf, np.float32)), "nothing is seen"


EEVEE = "BLENDER_EEVEE_NEXT" if bpy.app.version < (5, 0, 0) else "BLENDER_EEVEE"


def test_eevee_is_told_about_before_its_first_view_and_others_are_not(
    addon: Import, planned_scene: bpy.types.Scene
) -> None:
    describe = addon("capture.drawn_engines").describe_pace
    assert describe(planned_scene) == ""
    planned_scene.render.engine = EEVEE
    assert "choose Cycles" in describe(planned_scene)


def test_materials_that_eevee_gives_no_depth_of_are_named(addon: Import, planned_scene: bpy.types.Scene) -> None:
    def warnings() -> list[str]:
        bpy.ops.hashlight.plan_cameras()
        return [line for line in planned_scene.hashlight.capture.plan_warnings.splitlines() if "blended" in line]

    red = bpy.data.materials["Red"]
    red.surface_render_method = "BLENDED"
    assert warnings() == [], "Cycles minds no render method"
    planned_scene.render.engine = EEVEE
    assert len(warnings()) == 1 and "loses 1 of them (Red): set their Render Method to Dithered" in warnings()[0]
    planned_scene.hashlight.capture.use_depth = False
    assert warnings() == []
    planned_scene.hashlight.capture.use_depth = True
    warnings()
    (finding,) = [each for each in planned_scene.hashlight.capture.plan_findings if "blended" in each.words]
    (cure,) = addon("capture.plan_warnings").unpack(finding.cures)
    assert cure.label == "Use Dithered"
    assert bpy.ops.hashlight.use_dithered(**cure.properties) == {"FINISHED"}
    assert red.surface_render_method == "DITHERED"
    assert warnings() == []
