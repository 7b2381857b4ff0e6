"""Materials that views disagree about, or that give light: found within groups and mixes, and told by name."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import bpy
import pytest
from cures import plan, press
from small_scenes import add_material, new_material

Import = Callable[[str], ModuleType]


def test_glass_and_mirrors_are_named_until_depth_is_off(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    add_material("Ball", "Bottle", Transmission_Weight=1.0, Roughness=0.0)
    assert "Clear glass in 1 material (Bottle): " in plan(product)
    press(addon, product, "Clear glass", "Capture Without Depth")
    assert not product.hashlight.capture.use_depth and product.hashlight.capture.plan_warnings == ""
    product.hashlight.capture.use_depth = True
    add_material("Ball", "Chrome", Metallic=1.0, Roughness=0.02)
    assert "Mirrors in 1 material (Chrome): " in plan(product)
    press(addon, product, "Mirrors", "Capture Without Depth")
    assert product.hashlight.capture.plan_warnings == ""
    product.hashlight.capture.use_depth = True
    add_material("Ball", "Frosted", Transmission_Weight=1.0, Roughness=0.6)
    assert plan(product) == ""


def test_volumes_are_named_until_depth_is_off(addon: Import, product: bpy.types.Scene) -> None:
    smoke = add_material("Ball", "Smoke")
    tree = smoke.node_tree
    output = tree.get_output_node("ALL")
    tree.links.new(tree.nodes.new("ShaderNodeVolumeScatter").outputs[0], output.inputs["Volume"])
    assert "1 volume" not in plan(product), "its surface hides it"
    tree.links.remove(output.inputs["Surface"].links[0])
    assert "1 volume (Ball): depth is that of what is behind" in plan(product)
    press(addon, product, "1 volume", "Capture Without Depth")
    assert not product.hashlight.capture.use_depth and "1 volume" not in plan(product)


def test_materials_that_give_light_are_named_with_how_much(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0.0, -0.2, 0.6))
    add_material("Cube", "Neon", Emission_Color=(1.0, 0.5, 0.2, 1.0), Emission_Strength=12.0)
    assert "1 material gives light (Neon: 12 x white)" in plan(product)
    press(addon, product, "gives light", "Leave Out")
    assert [obj.name for obj in product.hashlight.capture.collection.objects] == ["Ball"]
    assert product.hashlight.capture.plan_warnings == ""


def test_materials_within_groups_and_mixes_are_looked_at(addon: Import, scene: bpy.types.Scene) -> None:
    material = bpy.data.materials.new("Mixed")
    if material.node_tree is None:
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    output = next(node for node in nodes if node.bl_idname == "ShaderNodeOutputMaterial")
    mix = nodes.new("ShaderNodeMixShader")
    links.new(mix.outputs[0], output.inputs["Surface"])
    group = bpy.data.node_groups.new("Inner", "ShaderNodeTree")
    group.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")
    glass, end = group.nodes.new("ShaderNodeBsdfGlass"), group.nodes.new("NodeGroupOutput")
    glass.inputs["Roughness"].default_value = 0.05
    group.links.new(glass.outputs[0], end.inputs[0])
    inner = nodes.new("ShaderNodeGroup")
    inner.node_tree = group
    links.new(inner.outputs[0], mix.inputs[1])
    nodes.new("ShaderNodeEmission").inputs["Strength"].default_value = 100.0  # linked to nothing
    assert addon("capture.materials").troubles_of(material) == {"glass": pytest.approx(0.05)}


@pytest.mark.parametrize("is_by_reroute", [False, True])
def test_inputs_that_come_from_a_value_node_count(addon: Import, scene: bpy.types.Scene, is_by_reroute: bool) -> None:
    troubles_of = addon("capture.materials").troubles_of

    def feed(material: bpy.types.Material, identifier: str, value: float) -> None:
        nodes, links = material.node_tree.nodes, material.node_tree.links
        source = nodes.new("ShaderNodeValue")
        source.outputs[0].default_value = value
        target = nodes["Principled BSDF"].inputs[identifier]
        if is_by_reroute:
            reroute = nodes.new("NodeReroute")
            links.new(source.outputs[0], reroute.inputs[0])
            links.new(reroute.outputs[0], target)
        else:
            links.new(source.outputs[0], target)

    neon = new_material("Neon", Emission_Color=(1.0, 0.5, 0.2, 1.0))
    feed(neon, "Emission Strength", 12.0)
    assert troubles_of(neon) == {"light": pytest.approx(12.0)}
    feed(neon, "Emission Strength", 0.5)
    assert troubles_of(neon) == {}
    bottle = new_material("Bottle", Roughness=0.0)
    feed(bottle, "Transmission Weight", 1.0)
    assert troubles_of(bottle) == {"glass": 0.0}
    feed(bottle, "Roughness", 0.6)
    assert troubles_of(bottle) == {}


@pytest.mark.parametrize("identifier", ["Roughness", "Transmission Weight"])
def test_glass_with_a_texture_is_glass(addon: Import, scene: bpy.types.Scene, identifier: str) -> None:
    glass = new_material("Glass", Transmission_Weight=1.0, Roughness=0.0)
    texture = glass.node_tree.nodes.new("ShaderNodeTexNoise")
    glass.node_tree.links.new(texture.outputs[0], glass.node_tree.nodes["Principled BSDF"].inputs[identifier])
    assert addon("capture.materials").troubles_of(glass) == {"glass": 0.0}


@pytest.mark.parametrize("kind", ["Window", "Camera", "distance", "in a group", "muted", "Object"])
def test_materials_that_follow_the_camera_are_told(addon: Import, product: bpy.types.Scene, kind: str) -> None:
    material = add_material("Ball", "Hatch")
    tree = material.node_tree
    color = tree.nodes["Principled BSDF"].inputs["Base Color"]
    if kind == "in a group":
        node = tree.nodes.new("ShaderNodeGroup")
        node.node_tree = tree = bpy.data.node_groups.new("Inner", "ShaderNodeTree")
        tree.interface.new_socket("Color", in_out="OUTPUT", socket_type="NodeSocketColor")
        material.node_tree.links.new(node.outputs[0], color)
        color = tree.nodes.new("NodeGroupOutput").inputs[0]
    source = tree.nodes.new("ShaderNodeCameraData" if kind == "distance" else "ShaderNodeTexCoord")
    output = {"distance": "View Distance", "in a group": "Window", "muted": "Window"}.get(kind, kind)
    link = tree.links.new(source.outputs[output], color)
    link.is_muted = kind == "muted"
    words = plan(product)
    assert ("1 looks otherwise from each camera (Hatch)" in words) == (kind not in ("muted", "Object"))


@pytest.mark.parametrize("kind", ["line art", "active camera"])
def test_modifiers_that_follow_the_camera_are_told(addon: Import, product: bpy.types.Scene, kind: str) -> None:
    obj = bpy.data.objects["Ball"]
    if kind == "line art":
        bpy.ops.object.grease_pencil_add(type="LINEART_SCENE")
        obj = bpy.context.object
    else:
        group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
        for in_out in ("INPUT", "OUTPUT"):
            group.interface.new_socket("Geometry", in_out=in_out, socket_type="NodeSocketGeometry")
        info, end = group.nodes.new("GeometryNodeObjectInfo"), group.nodes.new("NodeGroupOutput")
        group.links.new(group.nodes.new("NodeGroupInput").outputs[0], end.inputs[0])
        group.links.new(group.nodes.new("GeometryNodeInputActiveCamera").outputs[0], info.inputs["Object"])
        obj.modifiers.new("Nodes", "NODES").node_group = group
    assert f"1 looks otherwise from each camera ({obj.name})" in plan(product)
    press(addon, product, "otherwise from each camera", "Select")
    assert bpy.context.selected_objects == [obj]
    obj.modifiers[-1].show_render = False
    assert "otherwise from each camera" not in plan(product)


@pytest.mark.parametrize("is_pane", [False, True])
def test_a_pane_of_transparent_and_glossy_is_glass(addon: Import, scene: bpy.types.Scene, is_pane: bool) -> None:
    material = new_material("Pane")
    nodes, links = material.node_tree.nodes, material.node_tree.links
    mix, glossy = nodes.new("ShaderNodeMixShader"), nodes.new("ShaderNodeBsdfAnisotropic")
    glossy.inputs["Roughness"].default_value = 0.0
    links.new(glossy.outputs[0], mix.inputs[1])
    links.new(nodes.new("ShaderNodeBsdfTransparent" if is_pane else "ShaderNodeBsdfDiffuse").outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], material.node_tree.get_output_node("ALL").inputs["Surface"])
    assert addon("capture.materials").troubles_of(material) == {"glass" if is_pane else "mirror": 0.0}
