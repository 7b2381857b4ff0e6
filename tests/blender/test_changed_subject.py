"""Planned cameras follow the bounds; that what is within has changed is told, with a button that frames it again."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import pytest
from framed import check_framed, planned, vertices

Import = Callable[[str], ModuleType]


@pytest.mark.parametrize(
    ("scale", "x", "words"), [(0.2, 0.0, " fills "), (0.2, 0.4, " fills "), (0.9, 2.5, " is cropped ")]
)
def test_a_subject_that_has_changed_since_is_told_and_framed_again(
    addon: Import, scene: bpy.types.Scene, scale: float, x: float, words: str
) -> None:
    from engine.link.geometry import Bounds

    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5)
    addon("capture.bounds").show_bounds(scene, Bounds([-3.0, -3.0, -3.0], [3.0, 3.0, 3.0]))
    bpy.ops.hashlight.plan_cameras()
    told = scene.hashlight.capture
    assert "What is visible" not in told.plan_warnings
    ball = bpy.context.object
    ball.scale, ball.location.x = (scale, scale, scale), x
    bpy.context.view_layer.update()
    addon("capture.preparation").prepare_plan(bpy.context)
    (finding,) = [each for each in told.plan_findings if "What is visible" in each.words]
    assert words in finding.words
    (cure,) = addon("capture.plan_warnings").unpack(finding.cures)
    assert (cure.label, cure.operator) == ("Plan Cameras", "hashlight.plan_cameras")
    bpy.ops.hashlight.plan_cameras()
    assert "What is visible" not in told.plan_warnings
    check_framed(planned(addon, scene), vertices(ball))


def test_a_close_up_of_the_users_own_is_not_told(addon: Import, scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5)
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    for name in ("train_000", "train_001"):
        camera = bpy.data.objects[name]
        camera.location = camera.location * 0.6
    bpy.context.view_layer.update()
    addon("capture.plan_watch").check(bpy.context)
    assert "What is visible" not in scene.hashlight.capture.plan_warnings


def test_cameras_that_have_yet_to_follow_the_bounds_are_not_told(addon: Import, scene: bpy.types.Scene) -> None:
    for x in (0.0, 3.0):
        bpy.ops.mesh.primitive_uv_sphere_add(radius=0.1, location=(x, 0.0, 0.0))
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    box = bpy.data.objects["Hashlight Bounds"]
    box.location, box.scale = (3.0, 0.0, 0.0), (0.2, 0.2, 0.2)
    bpy.context.view_layer.update()
    addon("capture.plan_watch").check(bpy.context)
    assert "What is visible" not in scene.hashlight.capture.plan_warnings


def test_cameras_at_a_chosen_distance_are_not_told_to_come_nearer(addon: Import, scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5)
    scene.hashlight.capture.radius = 20.0
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    assert "What is visible" not in scene.hashlight.capture.plan_warnings
