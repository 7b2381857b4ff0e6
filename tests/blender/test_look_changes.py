"""What looks otherwise at other frames although nothing visible moves is told by name, and only what counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from cures import labels, plan, press
from small_scenes import add_material

Import = Callable[[str], ModuleType]


def animate(owner: Any, path: str, *values: object, index: int = -1) -> None:
    """Have a value go through ``values`` from frame 1 on, ten frames each."""
    for frame, value in enumerate(values):
        if index < 0:
            setattr(owner, path, value)
        else:
            getattr(owner, path)[index] = value
        owner.keyframe_insert(path, index=index, frame=1 + 10 * frame)


def nodes_of(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """Those of the cube's material."""
    return add_material("Cube", "Screen").node_tree


def input_of(tree: bpy.types.NodeTree, name: str, node: str = "Principled BSDF") -> bpy.types.NodeSocket:
    return tree.nodes[node].inputs[name]


def new_world(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    scene.world = bpy.data.worlds.new("Sky")
    if scene.world.node_tree is None:  # Blender before 5.0
        scene.world.use_nodes = True
    return scene.world.node_tree


def new_sequence(folder: Path) -> bpy.types.Image:
    image = bpy.data.images.new("Clip", 4, 4)
    image.filepath_raw, image.file_format = str(folder / "clip0001.png"), "PNG"
    image.save()
    image.source = "SEQUENCE"
    return image


def add_picture(tree: bpy.types.NodeTree, image: bpy.types.Image, into: bpy.types.NodeSocket, kind: str) -> Any:
    node = tree.nodes.new(kind)
    node.image = image
    tree.links.new(node.outputs[0], into)
    return node


def change_light(scene: bpy.types.Scene, _: Path) -> str:
    animate(bpy.data.lights["Lamp"], "energy", 1.0, 5.0)
    return "Lamp: Strength"


def move_light(scene: bpy.types.Scene, _: Path) -> str:
    animate(scene.objects["Lamp"], "rotation_euler", 0.0, 1.0, index=0)
    return "Lamp: moves"


def follow_camera(scene: bpy.types.Scene, _: Path) -> str:
    animate(scene.camera, "location", -1.0, 1.0, index=0)
    scene.objects["Lamp"].parent = scene.camera
    return "Lamp: moves"


def switch_light_off(scene: bpy.types.Scene, _: Path) -> str:
    animate(scene.objects["Lamp"], "hide_render", True, False)
    scene.objects["Lamp"].hide_render = True
    return "Lamp: Disable in Renders"


def instanced_light(scene: bpy.types.Scene, _: Path) -> str:
    source = bpy.data.collections.new("Source")
    source.objects.link(scene.objects["Lamp"])
    scene.collection.objects.unlink(bpy.data.objects["Lamp"])
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", source
    scene.collection.objects.link(instance)
    animate(bpy.data.lights["Lamp"], "color", 0.0, 1.0, index=0)
    return "Lamp: Color"


def unseen_emitter(scene: bpy.types.Scene, _: Path) -> str:
    tree = nodes_of(scene)
    input_of(tree, "Emission Strength").default_value = 1.0
    scene.objects["Cube"].visible_camera = False
    animate(scene.objects["Cube"], "location", 0.0, 1.0, index=2)
    return "Cube: moves"


def change_world(scene: bpy.types.Scene, _: Path) -> str:
    animate(input_of(new_world(scene), "Strength", "Background"), "default_value", 0.2, 1.0)
    return "Sky: Strength"


def picture_in_world(scene: bpy.types.Scene, folder: Path) -> str:
    tree = new_world(scene)
    add_picture(tree, new_sequence(folder), input_of(tree, "Color", "Background"), "ShaderNodeTexEnvironment")
    return "Sky: Clip"


def picture_in_material(scene: bpy.types.Scene, folder: Path) -> str:
    tree = nodes_of(scene)
    add_picture(tree, new_sequence(folder), input_of(tree, "Base Color"), "ShaderNodeTexImage")
    return "Screen: Clip"


def change_material(scene: bpy.types.Scene, _: Path) -> str:
    animate(input_of(nodes_of(scene), "Roughness"), "default_value", 0.0, 1.0)
    return "Screen: Roughness"


def drive_material(scene: bpy.types.Scene, _: Path) -> str:
    input_of(nodes_of(scene), "Roughness").driver_add("default_value").driver.expression = "frame / 20"
    return "Screen: Roughness"


def strip_of_material(scene: bpy.types.Scene, _: Path) -> str:
    tree = nodes_of(scene)
    animate(input_of(tree, "Roughness"), "default_value", 0.0, 1.0)
    animation = tree.animation_data
    strip = animation.nla_tracks.new().strips.new("Strip", 1, animation.action)
    strip.action_slot = animation.action_slot
    animation.action = None
    return "Screen: Roughness"


def group_of_material(scene: bpy.types.Scene, _: Path) -> str:
    tree, group = nodes_of(scene), bpy.data.node_groups.new("Group", "ShaderNodeTree")
    group.interface.new_socket("Value", in_out="OUTPUT", socket_type="NodeSocketFloat")
    value, end = group.nodes.new("ShaderNodeValue"), group.nodes.new("NodeGroupOutput")
    group.links.new(value.outputs[0], end.inputs[0])
    animate(value.outputs[0], "default_value", 0.0, 1.0)
    node = tree.nodes.new("ShaderNodeGroup")
    node.node_tree = group
    tree.links.new(node.outputs[0], input_of(tree, "Roughness"))
    return "Screen: Value"


def coordinates(scene: bpy.types.Scene, _: Path) -> str:
    tree, mover = nodes_of(scene), bpy.data.objects.new("Mover", None)
    scene.collection.objects.link(mover)
    animate(mover, "location", 0.0, 1.0, index=0)
    node = tree.nodes.new("ShaderNodeTexCoord")
    node.object = mover
    tree.links.new(node.outputs["Object"], input_of(tree, "Base Color"))
    return "Screen: coordinates of Mover"


def own_property(scene: bpy.types.Scene, _: Path) -> str:
    tree, cube = nodes_of(scene), scene.objects["Cube"]
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_type, node.attribute_name = "OBJECT", "heat"
    tree.links.new(node.outputs["Fac"], input_of(tree, "Roughness"))
    for frame, value in ((1, 0.0), (20, 1.0)):
        cube["heat"] = value
        cube.keyframe_insert('["heat"]', frame=frame)
    return "Screen: heat"


def appear(scene: bpy.types.Scene, _: Path) -> str:
    animate(scene.objects["Ball"], "hide_render", True, False)
    scene.objects["Ball"].hide_render = True
    return "Ball: Disable in Renders"


def expose(scene: bpy.types.Scene, _: Path) -> str:
    animate(scene.view_settings, "exposure", 0.0, 2.0)
    return f"Scene {scene.name}: Exposure"


def expose_film(scene: bpy.types.Scene, _: Path) -> str:
    animate(scene.cycles, "film_exposure", 1.0, 2.0)
    return f"Scene {scene.name}: Exposure"


def simplify(scene: bpy.types.Scene, _: Path) -> str:
    scene.objects["Ball"].modifiers.new("Smooth", "SUBSURF")
    animate(scene.render, "use_simplify", False, True)
    return f"Scene {scene.name}: Use Simplify"


TOLD = [change_light, move_light, follow_camera, switch_light_off, instanced_light, unseen_emitter, change_world]
TOLD += [picture_in_world, picture_in_material, change_material, drive_material, strip_of_material, group_of_material]
TOLD += [coordinates, own_property, appear, expose, expose_film, simplify]


@pytest.mark.parametrize("make", TOLD, ids=lambda make: make.__name__)
def test_what_looks_otherwise_at_other_frames_is_told(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path, make: Callable[[bpy.types.Scene, Path], str]
) -> None:
    what = make(planned_scene, tmp_path)
    bpy.ops.hashlight.fit_bounds()
    words = f"1 thing looks otherwise at other frames ({what}): only frame 1 is captured. Go to another frame"
    assert words in plan(planned_scene)


def keep_still(scene: bpy.types.Scene, _: Path) -> None:
    animate(bpy.data.lights["Lamp"], "energy", 2.0, 2.0)


def change_seed(scene: bpy.types.Scene, _: Path) -> None:
    scene.cycles.driver_add("seed").driver.expression = "frame"
    animate(scene.cycles, "samples", 1, 8)


def hide_in_viewport(scene: bpy.types.Scene, _: Path) -> None:
    animate(scene.objects["Ball"], "hide_viewport", True, False)


def change_unused_node(scene: bpy.types.Scene, _: Path) -> None:
    node = nodes_of(scene).nodes.new("ShaderNodeValue")
    animate(node.outputs[0], "default_value", 0.0, 1.0)


def change_linked_input(scene: bpy.types.Scene, _: Path) -> None:
    tree = nodes_of(scene)
    animate(input_of(tree, "Roughness"), "default_value", 0.0, 1.0)
    tree.links.new(tree.nodes.new("ShaderNodeValue").outputs[0], input_of(tree, "Roughness"))


def still_picture(scene: bpy.types.Scene, folder: Path) -> None:
    tree = nodes_of(scene)
    node = add_picture(tree, new_sequence(folder), input_of(tree, "Base Color"), "ShaderNodeTexImage")
    node.image_user.frame_duration = 1


def ended_picture(scene: bpy.types.Scene, folder: Path) -> None:
    tree = nodes_of(scene)
    node = add_picture(tree, new_sequence(folder), input_of(tree, "Base Color"), "ShaderNodeTexImage")
    node.image_user.frame_start = scene.frame_end + 1


def light_that_is_off(scene: bpy.types.Scene, _: Path) -> None:
    second = scene.objects["Lamp"].copy()
    second.data = second.data.copy()
    scene.collection.objects.link(second)
    second.hide_render = True
    animate(second.data, "energy", 0.0, 2.0)


def unused_material(scene: bpy.types.Scene, _: Path) -> None:
    animate(input_of(nodes_of(scene), "Roughness"), "default_value", 0.0, 1.0)
    bpy.data.objects["Cube"].data.materials.clear()


def after_the_end(scene: bpy.types.Scene, _: Path) -> None:
    animate(bpy.data.lights["Lamp"], "energy", 2.0, 5.0)
    scene.frame_end = 1


def property_of_nobodys(scene: bpy.types.Scene, _: Path) -> None:
    cube = scene.objects["Cube"]
    for frame, value in ((1, 0.0), (20, 1.0)):
        cube["heat"] = value
        cube.keyframe_insert('["heat"]', frame=frame)
    animate(cube, "color", 0.0, 1.0, index=0)


def muted(scene: bpy.types.Scene, _: Path) -> None:
    tree = nodes_of(scene)
    animate(input_of(tree, "Roughness"), "default_value", 0.0, 1.0)
    animation = tree.animation_data
    track = animation.nla_tracks.new()
    track.strips.new("Strip", 1, animation.action).action_slot = animation.action_slot
    animation.action, track.mute = None, True


SILENT = [keep_still, change_seed, hide_in_viewport, change_unused_node, change_linked_input, still_picture]
SILENT += [ended_picture, light_that_is_off, unused_material, after_the_end, property_of_nobodys, muted]


@pytest.mark.parametrize("make", SILENT, ids=lambda make: make.__name__)
def test_what_changes_no_render_is_not_told(
    addon: Import, planned_scene: bpy.types.Scene, tmp_path: Path, make: Callable[[bpy.types.Scene, Path], None]
) -> None:
    make(planned_scene, tmp_path)
    bpy.ops.hashlight.fit_bounds()
    assert plan(planned_scene) == ""


def test_what_is_outside_the_capture_collection_is_not_told_but_its_light_is(
    addon: Import, planned_scene: bpy.types.Scene
) -> None:
    tree = nodes_of(planned_scene)
    animate(input_of(tree, "Roughness"), "default_value", 0.0, 1.0)
    planned_scene.hashlight.capture.collection = bpy.data.collections.new("Captured")
    planned_scene.hashlight.capture.collection.objects.link(planned_scene.objects["Ball"])
    bpy.ops.hashlight.fit_bounds()
    assert plan(planned_scene) == ""
    animate(input_of(tree, "Emission Strength"), "default_value", 0.0, 1.0)
    assert "1 thing looks otherwise at other frames (Cube: Roughness, Emission Strength)" in plan(planned_scene)


def test_views_of_several_frames_have_a_button_for_one(addon: Import, planned_scene: bpy.types.Scene) -> None:
    scene = planned_scene
    change_light(scene, Path())
    change_material(scene, Path())
    animate(scene.camera, "location", -2.0, 2.0, index=0)
    scene.frame_end, scene.hashlight.capture.rig = 20, "ANIMATION"
    scene.frame_set(7)
    words = "2 things look otherwise at other frames (Lamp: Strength; Screen: Roughness): the field learns their mean"
    assert words in plan(scene)
    assert "other layouts capture frame 7 alone" in plan(scene)
    assert labels(addon, scene, words) == ["Use Hemisphere", "Select"]
    bpy.ops.object.select_all(action="DESELECT")
    press(addon, scene, words, "Select")
    assert {obj.name for obj in bpy.context.selected_objects} == {"Lamp", "Cube"}
    press(addon, scene, words, "Use Hemisphere")
    assert "the field learns their mean" not in scene.hashlight.capture.plan_warnings
