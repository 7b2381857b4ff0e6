"""Numbers that are none, or beyond all use, are refused by name before anything is planned, captured or trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from cures import labels, plan

Import = Callable[[str], ModuleType]

NAN, INF = float("nan"), float("inf")
PLANNED = ["radius", "margin", "jitter", "field_of_view", "elevation_min", "elevation_max", "arc_width", "arc_height"]
PLANNED += ["room_field_of_view"]


@pytest.mark.parametrize("name", PLANNED)
def test_settings_of_the_plan_are_refused_by_name(addon: Import, planned_scene: bpy.types.Scene, name: str) -> None:
    capture = planned_scene.hashlight.capture
    before = [tuple(obj.matrix_world.translation) for obj in planned_scene.objects]
    label = capture.bl_rna.properties[name].name
    setattr(capture, name, NAN)
    for operator in (bpy.ops.hashlight.plan_cameras, bpy.ops.hashlight.capture):
        with pytest.raises(RuntimeError, match=f"^Error: {label} is nan, which is no number: set it anew"):
            operator()
    assert [tuple(obj.matrix_world.translation) for obj in planned_scene.objects] == before
    assert not Path(planned_scene.hashlight.folder, "capture").exists()
    capture.property_unset(name)
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}


@pytest.mark.parametrize(
    ("owner", "name", "label"),
    [
        ("render", "pixel_aspect_x", "Pixel Aspect X"),
        ("render", "pixel_aspect_y", "Pixel Aspect Y"),
        ("view_settings", "exposure", r"Exposure \(Color Management\)"),
        ("cycles", "film_exposure", r"Exposure \(Film\)"),
    ],
)
def test_settings_of_renders_are_refused_by_name(
    planned_scene: bpy.types.Scene, owner: str, name: str, label: str
) -> None:
    setattr(getattr(planned_scene, owner), name, NAN)
    for rig in ("HEMISPHERE", "SCENE_CAMERAS"):
        planned_scene.hashlight.capture.rig = rig
        for operator in (bpy.ops.hashlight.plan_cameras, bpy.ops.hashlight.capture):
            with pytest.raises(RuntimeError, match=f"^Error: {label} of scene Scene is nan: set it anew"):
                operator()


def test_settings_of_the_turntable_and_of_training_are_refused_by_name(
    addon: Import, planned_scene: bpy.types.Scene
) -> None:
    settings = planned_scene.hashlight
    settings.bake.turns = settings.training.seconds = NAN
    bounds = addon("capture.bounds").read_bounds(planned_scene, bpy.context.evaluated_depsgraph_get())
    with pytest.raises(addon("capture.errors").CaptureError, match=r"^Turns is nan"):
        addon("bake.paths").turntable_cameras(planned_scene, bounds, (32, 32))
    with pytest.raises(addon("capture.errors").CaptureError, match=r"^Training Time is nan"):
        addon("training.run").open_run_for_capture(None, planned_scene)


@pytest.mark.parametrize(("name", "value"), [("lens", NAN), ("shift_x", INF), ("clip_start", NAN), ("clip_end", 0.0)])
def test_a_camera_without_a_valid_lens_is_left_out_by_name(
    addon: Import, planned_scene: bpy.types.Scene, name: str, value: float
) -> None:
    second = planned_scene.camera.copy()
    second.name, second.data = "Second", second.data.copy()
    planned_scene.collection.objects.link(second)
    setattr(second.data, name, value)
    capture = planned_scene.hashlight.capture
    capture.rig, capture.held_out_views = "SCENE_CAMERAS", 0
    if name == "clip_end":
        second.data.clip_start = 10.0
        second.data.clip_end = 1.0
    words = "1 camera is left out: Second (without a valid lens). Set the Focal Length, Sensor, Shift and Clip Start"
    assert words in plan(planned_scene)
    assert labels(addon, planned_scene, words) == ["Select"]
    assert [view.name for view in addon("capture.plan").planned_views(planned_scene)] == ["Camera"]


@pytest.mark.parametrize("value", ["x", NAN, 3])
def test_marks_that_a_script_has_changed_are_refused_by_the_cameras_name(
    planned_scene: bpy.types.Scene, value: object
) -> None:
    bpy.data.objects["train_001"]["hashlight_split"] = value
    with pytest.raises(RuntimeError, match=r"^Error: Camera train_001: hashlight_split is .*: use Plan Cameras again"):
        bpy.ops.hashlight.capture()
    assert bpy.ops.hashlight.plan_cameras() == {"FINISHED"}


@pytest.mark.parametrize("value", [-1, "x", [NAN] * 6, []])
def test_cameras_follow_whatever_a_script_has_made_of_their_bounds(
    addon: Import, planned_scene: bpy.types.Scene, value: object
) -> None:
    bpy.data.collections["Hashlight Cameras"]["hashlight_bounds"] = value
    before = tuple(bpy.data.objects["train_000"].matrix_world.translation)
    addon("capture.preparation").prepare_plan(bpy.context)
    np.testing.assert_allclose(bpy.data.objects["train_000"].matrix_world.translation, before, atol=1e-4)


def test_vertices_without_numbers_are_told_and_not_fitted_to(addon: Import, planned_scene: bpy.types.Scene) -> None:
    mesh = planned_scene.objects["Ball"].data
    before = addon("capture.bounds").read_bounds(planned_scene, bpy.context.evaluated_depsgraph_get())
    mesh.vertices[100].co = (NAN, 0.0, 0.0)
    mesh.update()
    assert bpy.ops.hashlight.fit_bounds() == {"FINISHED"}
    words = "1 object (Ball) has vertices without numbers for where they are"
    assert words in plan(planned_scene)
    assert labels(addon, planned_scene, words) == ["Select"]
    after = addon("capture.bounds").read_bounds(planned_scene, bpy.context.evaluated_depsgraph_get())
    np.testing.assert_allclose(after.minimum, before.minimum, atol=0.1)
    np.testing.assert_allclose(after.maximum, before.maximum, atol=0.1)


def test_what_is_too_large_for_bounds_is_refused_by_name(planned_scene: bpy.types.Scene) -> None:
    planned_scene.objects["Ball"].data.vertices[0].co = (1e30, 0.0, 0.0)
    planned_scene.objects["Ball"].data.update()
    with pytest.raises(
        RuntimeError, match=r"^Error: Ball reaches 1e\+30 m from the world's origin: move, scale or hide"
    ):
        bpy.ops.hashlight.fit_bounds()
