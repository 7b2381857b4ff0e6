"""Bounds and framing hold what materials displace in renders, and what only renders tell of it is told before."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture
from cures import plan, press
from small_scenes import new_material

Import = Callable[[str], ModuleType]


def displace(obj: bpy.types.Object, kind: str = "Displacement", space: str = "OBJECT", **inputs: object) -> object:
    """Give ``obj`` a material whose node ``kind`` moves its surface; a socket's value "texture" links one to it."""
    material = new_material(f"Moved {obj.name}")
    material.displacement_method = "DISPLACEMENT"
    nodes, links = material.node_tree.nodes, material.node_tree.links
    node = nodes.new(f"ShaderNode{kind}")
    node.space = space
    for name, value in inputs.items():
        if value == "texture":
            links.new(nodes.new("ShaderNodeTexNoise").outputs[0], node.inputs[name])
        else:
            node.inputs[name].default_value = value
    links.new(node.outputs[0], material.node_tree.get_output_node("CYCLES").inputs["Displacement"])
    obj.data.materials.clear()
    obj.data.materials.append(material)
    return material


@pytest.fixture
def plane(scene: bpy.types.Scene) -> bpy.types.Object:
    """A square of 1 m at the origin; Cycles."""
    scene.render.engine = "CYCLES"
    bpy.ops.mesh.primitive_plane_add(size=1.0)
    return bpy.context.object


def fit(addon: Import) -> Any:
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    return addon("capture.bounds").fit_bounds(bpy.context.scene, bpy.context.view_layer, depsgraph)


def heights(addon: Import) -> np.ndarray:
    """The lowest and highest z of the bounds of the square, without their padding."""
    bounds = fit(addon)
    padding = (bounds.size[0] - 1.0) / 2
    return np.array([bounds.minimum[2] + padding, bounds.maximum[2] - padding])


HELD = [
    ("constant", (0.0, 3.0)),
    ("downwards", (-3.0, 0.0)),
    ("texture", (-0.5, 1.5)),
    ("textured middle", (-2.0, 2.0)),
    ("in metres of the world", (0.0, 3.0)),
    ("in metres of the object", (0.0, 6.0)),
    ("for both", (0.0, 3.0)),
    ("instance", (0.0, 3.0)),
    ("bump alone", (0.0, 0.0)),
    ("muted", (0.0, 0.0)),
    ("no scale", (0.0, 0.0)),
    ("workbench", (0.0, 0.0)),
]


@pytest.mark.parametrize(("kind", "expected"), HELD)
def test_bounds_hold_how_far_materials_move_a_surface(
    addon: Import, scene: bpy.types.Scene, plane: bpy.types.Object, kind: str, expected: tuple[float, float]
) -> None:
    numbers = {"Height": 3.5, "Midlevel": 0.5, "Scale": 1.0}
    if kind == "downwards":
        numbers["Height"] = -2.5
    elif kind == "texture":
        numbers |= {"Height": "texture", "Midlevel": 0.25, "Scale": 2.0}
    elif kind == "textured middle":
        numbers |= {"Height": "texture", "Midlevel": "texture", "Scale": 2.0}
    elif kind == "no scale":
        numbers["Scale"] = 0.0
    material = displace(plane, space="WORLD" if kind == "in metres of the world" else "OBJECT", **numbers)
    if kind.startswith("in metres"):
        plane.data.transform(plane.matrix_world.Scale(0.5, 4))
        plane.scale = (2.0, 2.0, 2.0)
    elif kind == "for both":
        material.displacement_method = "BOTH"
    elif kind == "instance":
        source = bpy.data.collections.new("Source")
        source.objects.link(plane)
        scene.collection.objects.unlink(plane)
        instance = bpy.data.objects.new("Instance", None)
        instance.instance_type, instance.instance_collection = "COLLECTION", source
        scene.collection.objects.link(instance)
    elif kind == "bump alone":
        material.displacement_method = "BUMP"
    elif kind == "muted":
        next(each for each in material.node_tree.nodes if each.bl_idname == "ShaderNodeDisplacement").mute = True
    elif kind == "workbench":
        scene.render.engine = "BLENDER_WORKBENCH"
    np.testing.assert_allclose(heights(addon), expected, atol=0.01)


def test_bounds_hold_a_displacement_by_vectors(addon: Import, plane: bpy.types.Object) -> None:
    displace(plane, "VectorDisplacement", Vector=(0.0, 0.0, 2.0, 1.0), Midlevel=0.0, Scale=1.5)
    assert fit(addon).maximum[2] >= 3.0


def test_a_displaced_subject_is_framed_and_held_by_its_bounds(addon: Import, planned_scene: bpy.types.Scene) -> None:
    displace(planned_scene.objects["Ball"], Height=2.0, Midlevel=0.0, Scale=0.5)
    bpy.ops.hashlight.fit_bounds()
    assert plan(planned_scene) == ""
    with start_capture(addon, planned_scene) as job:
        views = list(job)
        assert job.warnings == []
    for view in views:
        alpha = view.color[..., 3] > 0
        assert alpha.any() and not (alpha[0].any() or alpha[-1].any() or alpha[:, 0].any() or alpha[:, -1].any())


@pytest.mark.parametrize("kind", ["texture", "scale", "no node"])
def test_what_only_renders_tell_of_it_is_told_before_they_do(
    addon: Import, planned_scene: bpy.types.Scene, kind: str
) -> None:
    scale = "texture" if kind == "scale" else 0.8
    material = displace(planned_scene.objects["Ball"], Height="texture", Midlevel=0.0, Scale=scale)
    if kind == "no node":
        tree = material.node_tree
        noise = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeTexNoise")
        tree.links.new(noise.outputs[1], tree.get_output_node("CYCLES").inputs["Displacement"])
    bpy.ops.hashlight.fit_bounds()
    words = plan(planned_scene)
    assert "1 object is displaced in renders by materials (Moved Ball)" in words
    assert ("by up to 0.8 m if textures stay within 0 and 1" in words) == (kind == "texture")
    assert ("which the bounds don't know" in words) == (kind != "texture")
    press(addon, planned_scene, "displaced", "Select")
    assert [obj.name for obj in bpy.context.selected_objects] == ["Ball"]


def test_a_texture_that_moves_a_surface_a_little_is_no_reason_to_warn(
    addon: Import, planned_scene: bpy.types.Scene
) -> None:
    displace(planned_scene.objects["Ball"], Height="texture", Scale=0.01)
    bpy.ops.hashlight.fit_bounds()
    assert plan(planned_scene) == ""
