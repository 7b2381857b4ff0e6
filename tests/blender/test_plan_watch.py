"""When a plan is looked at again: after each change that matters to it, and after none that Hashlight makes."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import pytest
from small_scenes import add_material

Import = Callable[[str], ModuleType]


def set_depth(scene: bpy.types.Scene) -> None:
    scene.hashlight.capture.use_depth = False


def set_engine(scene: bpy.types.Scene) -> None:
    scene.render.engine = "BLENDER_WORKBENCH"


def set_roughness(_scene: bpy.types.Scene) -> None:
    bpy.data.materials["Bottle"].node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.7


def set_roughness_in_a_group(_scene: bpy.types.Scene) -> None:
    bpy.data.node_groups["Shared"].nodes["Glass BSDF"].inputs["Roughness"].default_value = 0.7


def set_frame(scene: bpy.types.Scene) -> None:
    scene.frame_set(7)


def set_frame_range(scene: bpy.types.Scene) -> None:
    scene.frame_end = 77


def set_camera(scene: bpy.types.Scene) -> None:
    scene.camera = bpy.data.objects["Other"]


def set_resolution(scene: bpy.types.Scene) -> None:
    scene.render.resolution_percentage = 50


def move(_scene: bpy.types.Scene) -> None:
    bpy.data.objects["Ball"].location.x = 0.1


CHANGES = [set_depth, set_engine, set_roughness, set_roughness_in_a_group, set_frame, set_frame_range, set_camera]
CHANGES += [set_resolution, move]


@pytest.fixture
def checks(addon: Import, product: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Grows whenever a check of the plan is asked for: with a window it would begin half a second later."""
    add_material("Ball", "Bottle", Transmission_Weight=1.0, Roughness=0.0)
    group = bpy.data.node_groups.new("Shared", "ShaderNodeTree")
    group.nodes.new("ShaderNodeBsdfGlass")
    nodes = bpy.data.materials["Bottle"].node_tree.nodes
    nodes.new("ShaderNodeGroup").node_tree = group
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    product.collection.objects.link(other)
    bpy.context.view_layer.update()
    asked: list[float] = []
    monkeypatch.setattr(addon("capture.plan_watch"), "check_soon", lambda rest=0.5: asked.append(rest))
    return asked


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_plan_is_looked_at_again_after_each_change_that_matters(
    checks: list[float], product: bpy.types.Scene, change: Callable[[bpy.types.Scene], None]
) -> None:
    change(product)
    bpy.context.view_layer.update()
    assert checks
    checks.clear()
    product.update_tag()
    bpy.context.view_layer.update()
    assert not checks, "what was looked at already"


def test_the_plan_is_not_looked_at_again_for_what_hashlight_writes(
    addon: Import, checks: list[float], product: bpy.types.Scene
) -> None:
    finding = product.hashlight.capture.plan_findings.add()
    finding.words = "Ball moves"
    product.hashlight.run.step = 12
    product.hashlight.capture.capture_findings.add().words = "2 of 8 views show nothing"
    bpy.context.view_layer.update()
    assert not checks
    plane = addon("preview.plane").ensure_plane(product, "preview")
    material = addon("preview.material").ensure_material(plane, "straight")
    bpy.context.view_layer.update()
    checks.clear()
    addon("preview.material").picture_node(material).image = bpy.data.images.new("Picture", 8, 8)
    bpy.context.view_layer.update()
    assert not checks, "each picture of a live preview"
