"""Bounds, framing and checks leave out what renders show nothing of: transparent materials, holdouts, loose corners."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from cures import plan
from small_scenes import new_material

Import = Callable[[str], ModuleType]

FAR = 6.0  # metres along X, where what is transparent stands


@pytest.fixture
def cube(scene: bpy.types.Scene) -> bpy.types.Object:
    """A cube of 1 m at the origin; Cycles."""
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    bpy.ops.mesh.primitive_cube_add(size=1.0)
    return bpy.context.object


def add_far(material: bpy.types.Material) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(FAR, 0.0, 0.0))
    bpy.context.object.data.materials.append(material)
    return bpy.context.object


def fitted(addon: Import) -> np.ndarray:
    """The bounds' higher corner."""
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    return addon("capture.bounds").fit_bounds(bpy.context.scene, bpy.context.view_layer, depsgraph).maximum


def mixed(share: float | str, *kinds: str, shader: str = "MixShader") -> bpy.types.Material:
    """Two shaders, mixed by ``share`` or by an output of the Light Path node."""
    material = new_material("Mixed")
    nodes, links = material.node_tree.nodes, material.node_tree.links
    mix = nodes.new(f"ShaderNode{shader}")
    inputs = mix.inputs
    if isinstance(share, str):
        links.new(nodes.new("ShaderNodeLightPath").outputs[share], inputs[0])
    elif shader == "MixShader":
        inputs[0].default_value = share
    for socket, kind in zip([each for each in inputs if each.type == "SHADER"], kinds, strict=True):
        if kind:
            links.new(nodes.new(f"ShaderNode{kind}").outputs[0], socket)
    links.new(mix.outputs[0], surface_of(material))
    return material


def surface_of(material: bpy.types.Material) -> bpy.types.NodeSocket:
    return material.node_tree.get_output_node("CYCLES").inputs["Surface"]


def grouped(alpha: float) -> bpy.types.Material:
    """A Principled BSDF within a group, which has its alpha from outside by way of a reroute."""
    group = bpy.data.node_groups.new("Group", "ShaderNodeTree")
    group.interface.new_socket("Alpha", in_out="INPUT", socket_type="NodeSocketFloat")
    group.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")
    start, reroute, end = (group.nodes.new(kind) for kind in ("NodeGroupInput", "NodeReroute", "NodeGroupOutput"))
    principled = group.nodes.new("ShaderNodeBsdfPrincipled")
    group.links.new(start.outputs[0], reroute.inputs[0])
    group.links.new(reroute.outputs[0], principled.inputs["Alpha"])
    group.links.new(principled.outputs[0], end.inputs[0])
    material = new_material("Grouped")
    node = material.node_tree.nodes.new("ShaderNodeGroup")
    node.node_tree, node.inputs[0].default_value = group, alpha
    material.node_tree.links.new(node.outputs[0], surface_of(material))
    return material


def colored(*color: float) -> bpy.types.Material:
    material = mixed(0.0, "BsdfTransparent", "")
    next(each for each in material.node_tree.nodes if each.bl_idname == "ShaderNodeBsdfTransparent").inputs[
        0
    ].default_value = (*color, 1.0)
    return material


def by_value(value: float) -> bpy.types.Material:
    material = mixed(0.5, "BsdfDiffuse", "BsdfTransparent")
    nodes, links = material.node_tree.nodes, material.node_tree.links
    number = nodes.new("ShaderNodeValue")
    number.outputs[0].default_value = value
    links.new(number.outputs[0], next(each for each in nodes if each.bl_idname == "ShaderNodeMixShader").inputs[0])
    return material


def muted() -> bpy.types.Material:
    material = mixed(0.5, "BsdfTransparent", "BsdfDiffuse")
    next(each for each in material.node_tree.nodes if each.bl_idname == "ShaderNodeMixShader").mute = True
    return material


def textured() -> bpy.types.Material:
    """Alpha by a texture, of which it isn't asked what it holds."""
    material = new_material("Textured")
    nodes, links = material.node_tree.nodes, material.node_tree.links
    links.new(nodes.new("ShaderNodeTexNoise").outputs[0], nodes["Principled BSDF"].inputs["Alpha"])
    return material


def without_surface(volume: str = "") -> bpy.types.Material:
    material = new_material("Without surface")
    output = material.node_tree.get_output_node("CYCLES")
    material.node_tree.links.remove(output.inputs["Surface"].links[0])
    if volume:
        node = material.node_tree.nodes.new(volume)
        material.node_tree.links.new(node.outputs[0], output.inputs["Volume"])
    return material


def chained(count: int) -> bpy.types.Material:
    """Mixed transparent shaders, each mixed with itself: so many ways lead through them that none can try all."""
    material = mixed(0.5, "BsdfTransparent", "BsdfTransparent")
    nodes, links = material.node_tree.nodes, material.node_tree.links
    for _ in range(count):
        former, node = surface_of(material).links[0].from_socket, nodes.new("ShaderNodeMixShader")
        for socket in node.inputs[1:3]:
            links.new(former, socket)
        links.new(node.outputs[0], surface_of(material))
    return material


NOT_SEEN: dict[str, Callable[[], bpy.types.Material]] = {
    "alpha 0": lambda: new_material("Clear", Alpha=0.0),
    "alpha 0 and light": lambda: new_material("Clear", Alpha=0.0, Emission_Strength=5.0, Transmission_Weight=1.0),
    "transparent": lambda: colored(1.0, 1.0, 1.0),
    "transparent twice": lambda: mixed(0.3, "BsdfTransparent", "BsdfTransparent"),
    "nothing of the other": lambda: mixed(1.0, "BsdfDiffuse", "BsdfTransparent"),
    "added to nothing": lambda: mixed(0.0, "BsdfTransparent", "", shader="AddShader"),
    "not for the camera": lambda: mixed("Is Camera Ray", "BsdfDiffuse", "BsdfTransparent"),
    "for shadows alone": lambda: mixed("Is Shadow Ray", "BsdfTransparent", "BsdfDiffuse"),
    "by a value": lambda: by_value(1.0),
    "in a group": lambda: grouped(0.0),
    "muted": muted,
    "holdout": lambda: mixed(0.0, "Holdout", ""),
    "holdout and transparent": lambda: mixed(0.3, "BsdfTransparent", "Holdout"),
    "many ways": lambda: chained(100),
}
SEEN: dict[str, Callable[[], bpy.types.Material]] = {
    "plain": lambda: new_material("Plain"),
    "a little": lambda: new_material("A little", Alpha=0.3),
    "tinted": lambda: colored(0.9, 0.2, 0.2),
    "black": lambda: colored(0.0, 0.0, 0.0),
    "mixed": lambda: mixed(0.5, "BsdfDiffuse", "BsdfTransparent"),
    "for the camera": lambda: mixed("Is Camera Ray", "BsdfTransparent", "BsdfDiffuse"),
    "half by a value": lambda: by_value(0.5),
    "in a group": lambda: grouped(1.0),
    "textured": textured,
    "no shader": without_surface,
    "volume": lambda: without_surface("ShaderNodeVolumePrincipled"),
}


def rendered_alpha(scene: bpy.types.Scene, folder: Path) -> float:
    """The most alpha in Cycles' picture of what stands far away."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (FAR, 0.0, 4.0)
    scene.collection.objects.link(camera)
    scene.camera, scene.render.film_transparent, scene.cycles.samples = camera, True, 16
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(folder / "picture.exr")
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(scene.render.filepath)
    return float(np.array(picture.pixels[:]).reshape(-1, 4)[:, 3].max())


@pytest.mark.parametrize("kind", NOT_SEEN)
def test_what_cycles_shows_nothing_of_is_left_out(
    addon: Import, scene: bpy.types.Scene, cube: bpy.types.Object, tmp_path: Path, kind: str
) -> None:
    add_far(NOT_SEEN[kind]())
    np.testing.assert_allclose(fitted(addon), 0.5, atol=0.03)
    assert rendered_alpha(scene, tmp_path) == 0.0


@pytest.mark.parametrize("kind", SEEN)
def test_what_cycles_shows_counts(
    addon: Import, scene: bpy.types.Scene, cube: bpy.types.Object, tmp_path: Path, kind: str
) -> None:
    add_far(SEEN[kind]())
    assert fitted(addon)[0] > FAR
    assert rendered_alpha(scene, tmp_path) > 0.0


def test_other_engines_know_no_nodes(addon: Import, scene: bpy.types.Scene, cube: bpy.types.Object) -> None:
    add_far(NOT_SEEN["alpha 0"]())
    scene.render.engine = "BLENDER_WORKBENCH"
    assert fitted(addon)[0] > FAR


@pytest.mark.parametrize("faces", ["quads", "triangles", "both"])
def test_faces_of_a_transparent_material_are_left_out(addon: Import, cube: bpy.types.Object, faces: str) -> None:
    mesh = cube.data
    for material in (new_material("Shown"), NOT_SEEN["alpha 0"]()):
        mesh.materials.append(material)
    far = add_far(mesh.materials[1])
    if faces != "quads":
        far.modifiers.new("Triangulate", "TRIANGULATE")
        bpy.ops.object.modifier_apply(modifier="Triangulate")
    if faces == "triangles":
        bpy.context.view_layer.objects.active = cube
        cube.modifiers.new("Triangulate", "TRIANGULATE")
        bpy.ops.object.modifier_apply(modifier="Triangulate")
    cube.select_set(True)
    bpy.context.view_layer.objects.active = cube
    bpy.ops.object.join()
    np.testing.assert_allclose(fitted(addon), 0.5, atol=0.03)
    surroundings = addon("capture.surroundings").Surroundings()
    surroundings.gather(bpy.context.view_layer, bpy.context.evaluated_depsgraph_get(), 1e9)
    corners = np.concatenate(list(surroundings.triangles()))
    assert len(corners) == 12 and corners.max() < 0.51
    mesh.materials[1] = mesh.materials[0]
    assert fitted(addon)[0] > FAR


def test_objects_of_one_mesh_have_materials_of_their_own(addon: Import, cube: bpy.types.Object) -> None:
    cube.data.materials.append(new_material("Shown"))
    copy = bpy.data.objects.new("Copy", cube.data)
    bpy.context.scene.collection.objects.link(copy)
    copy.location[0] = FAR
    assert fitted(addon)[0] > FAR
    copy.material_slots[0].link, copy.material_slots[0].material = "OBJECT", NOT_SEEN["transparent"]()
    np.testing.assert_allclose(fitted(addon), 0.5, atol=0.03)


def test_what_a_transparent_object_shows_instances_of_counts(addon: Import, cube: bpy.types.Object) -> None:
    far = add_far(NOT_SEEN["transparent"]())
    far.instance_type, cube.parent = "VERTS", far
    far.show_instancer_for_render = far.show_instancer_for_viewport = True
    assert fitted(addon)[0] == pytest.approx(FAR + 1.0, abs=0.2)


@pytest.mark.parametrize("kind", ["corner", "edge"])
def test_corners_of_no_face_are_left_out(addon: Import, cube: bpy.types.Object, kind: str) -> None:
    mesh = bpy.data.meshes.new("Loose")
    corners = [(0.0, 0.0, 0.0), (0.4, 0.0, 0.0), (0.0, 0.4, 0.0), (FAR, 0.0, 0.0), (FAR, 1.0, 0.0)]
    mesh.from_pydata(corners, [(3, 4)] if kind == "edge" else [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Loose", mesh))
    np.testing.assert_allclose(fitted(addon), 0.5, atol=0.03)


def test_hair_goes_by_its_own_material(addon: Import, cube: bpy.types.Object) -> None:
    for material in (new_material("Skin"), NOT_SEEN["alpha 0"]()):
        cube.data.materials.append(material)
    cube.modifiers.new("Particles", "PARTICLE_SYSTEM")
    settings = cube.particle_systems[0].settings
    settings.count, settings.type, settings.hair_length = 50, "HAIR", FAR
    settings.material = 2
    np.testing.assert_allclose(fitted(addon), 0.5, atol=0.03)
    settings.material = 1
    assert fitted(addon)[0] > FAR


def test_cameras_are_framed_without_it_and_holdouts_are_told(planned_scene: bpy.types.Scene) -> None:
    add_far(NOT_SEEN["alpha 0"]()).name = "Clear"
    bpy.ops.hashlight.fit_bounds()
    assert plan(planned_scene) == ""
    add_far(NOT_SEEN["holdout"]()).name = "Hole"
    assert plan(planned_scene).startswith("1 holdout (Hole): ")


def test_a_view_layer_s_material_is_what_counts(addon: Import, cube: bpy.types.Object) -> None:
    clear, solid = mixed(0.0, "BsdfTransparent", ""), new_material("Solid")
    add_far(clear)
    assert fitted(addon)[0] < 1.0
    bpy.context.view_layer.material_override = solid
    assert fitted(addon)[0] > FAR


def test_workbench_shows_what_cameras_do_not_see_elsewhere(addon: Import, cube: bpy.types.Object) -> None:
    add_far(new_material("Solid")).visible_camera = False
    assert fitted(addon)[0] < 1.0
    bpy.context.scene.render.engine = "BLENDER_WORKBENCH"
    assert fitted(addon)[0] > FAR
