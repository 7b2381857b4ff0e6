"""What a plan is warned of because of the scene itself: giants, lights, view layers, settings that are passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture

Import = Callable[[str], ModuleType]


def warnings(scene: bpy.types.Scene) -> str:
    bpy.context.view_layer.update()
    bpy.ops.hashlight.plan_cameras()
    return scene.hashlight.capture.plan_warnings


def press(addon: Import, scene: bpy.types.Scene, words: str, label: str) -> None:
    """Press the button ``label`` of the warning that has ``words`` in it, as the panel would."""
    (finding,) = [each for each in scene.hashlight.capture.plan_findings if words in each.words]
    (cure,) = [cure for cure in addon("capture.plan_warnings").unpack(finding.cures) if cure.label == label]
    group, name = cure.operator.split(".")
    assert getattr(getattr(bpy.ops, group), name)(**cure.properties) == {"FINISHED"}
    bpy.context.view_layer.update()


def add_dome(radius: float) -> bpy.types.Object:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=radius)
    bpy.context.object.name = "Sky"
    return bpy.context.object


def add_ground(size: float) -> bpy.types.Object:
    bpy.ops.mesh.primitive_plane_add(size=size, location=(0.0, 0.0, -0.01))
    bpy.context.object.name = "Ground"
    return bpy.context.object


def test_a_sky_and_a_ground_that_dwarf_the_rest_are_told_with_numbers(
    addon: Import, planned_scene: bpy.types.Scene
) -> None:
    add_dome(1000.0)
    add_ground(200.0)
    bpy.ops.hashlight.fit_bounds()
    words = warnings(planned_scene)
    assert "Sky, Ground make what is captured 2000 m large, " in words
    assert " times as large as the rest (1.8 m, about 1 pixel of 48)" in words
    press(addon, planned_scene, "times as large", "Leave Out and Fit")
    bounds = addon("capture.bounds").read_bounds(planned_scene, bpy.context.evaluated_depsgraph_get())
    assert bounds.size.max() < 2.0
    assert planned_scene.hashlight.capture.plan_warnings == ""
    farthest = max(obj.matrix_world.translation.length for obj in addon("roles").objects_of(planned_scene, "camera"))
    assert farthest < 10.0, "cameras follow"


@pytest.mark.parametrize(
    "kind", ["ground", "dome", "stray", "two strays", "instances", "hidden ground", "linked scale"]
)
def test_every_kind_of_giant_is_told(addon: Import, planned_scene: bpy.types.Scene, kind: str) -> None:
    names = {"Ground"}
    if kind == "ground":
        add_ground(60.0)
    elif kind == "dome":
        add_dome(100.0)
        names = {"Sky"}
    elif kind in {"stray", "two strays"}:
        bpy.ops.mesh.primitive_cube_add(size=0.1, location=(500.0, 0.0, 0.0))
        bpy.context.object.name = "Stray"
        names = {"Stray"}
        if kind == "two strays":
            bpy.ops.mesh.primitive_cube_add(size=0.1, location=(-400.0, 300.0, 0.0))
            bpy.context.object.name = "Stray too"
            names.add("Stray too")
    elif kind == "instances":
        bpy.ops.mesh.primitive_cube_add(size=0.1)
        cube = bpy.context.object
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=5, y_subdivisions=5, size=90.0)
        ground = bpy.context.object
        ground.name, ground.instance_type, cube.parent = "Ground", "VERTS", ground
        ground.show_instancer_for_render = ground.show_instancer_for_viewport = False
    elif kind == "hidden ground":
        add_ground(60.0).hide_set(True)
    else:
        add_ground(1.0).scale = (80.0, 80.0, 1.0)
    bpy.context.view_layer.update()
    bpy.ops.hashlight.fit_bounds()
    words = warnings(planned_scene)
    (line,) = [line for line in words.splitlines() if " times as large as the rest" in line]
    assert set(line.partition(" make")[0].split(", ")) == names


@pytest.mark.parametrize("kind", ["as it is", "bounds without it", "ten times", "many of all sizes", "inside"])
def test_what_is_no_giant_is_not_told(addon: Import, planned_scene: bpy.types.Scene, kind: str) -> None:
    if kind == "bounds without it":
        bpy.context.view_layer.update()
        add_ground(60.0)
        bpy.context.view_layer.update()
    elif kind == "ten times":
        add_ground(15.0)
        bpy.ops.hashlight.fit_bounds()
    elif kind == "many of all sizes":
        for exponent in range(8):
            size = 0.1 * 2.0**exponent
            bpy.ops.mesh.primitive_cube_add(size=size, location=(3 * size, 0.0, size))
        bpy.ops.hashlight.fit_bounds()
    elif kind == "inside":
        bpy.ops.mesh.primitive_cube_add(size=60.0)
        planned_scene.hashlight.capture.rig = "INSIDE"
        bpy.ops.hashlight.fit_bounds()
    assert "times as large" not in warnings(planned_scene)


def new_material(name: str, **inputs: object) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # Blender before 5.0
        material.use_nodes = True
    for identifier, value in inputs.items():
        material.node_tree.nodes["Principled BSDF"].inputs[identifier.replace("_", " ")].default_value = value
    return material


def new_world(strength: float) -> bpy.types.World:
    world = bpy.data.worlds.new("World")
    if world.node_tree is None:
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = strength
    return world


DARK = ["removed", "hidden", "excluded", "without power", "black world", "light of another engine's world"]


@pytest.mark.parametrize("kind", DARK)
def test_a_scene_without_light_is_told_before_it_is_rendered(
    addon: Import, planned_scene: bpy.types.Scene, kind: str
) -> None:
    lamp = planned_scene.objects["Lamp"]
    if kind == "hidden":
        lamp.hide_render = True
    elif kind == "excluded":
        collection = bpy.data.collections.new("Lights")
        planned_scene.collection.children.link(collection)
        collection.objects.link(lamp)
        planned_scene.collection.objects.unlink(lamp)
        collection.hide_render = True
    elif kind == "without power":
        lamp.data.energy = 0.0
    else:
        bpy.data.objects.remove(lamp)
        if kind == "black world":
            planned_scene.world = new_world(0.0)
    words = warnings(planned_scene)
    assert "Nothing gives light in renders, no lamp, no world and no material: all views will be black" in words
    assert ("1 lamp is hidden from renders or without power: Lamp" in words) == (kind in DARK[1:4])
    press(addon, planned_scene, "Nothing gives light", "Add Sun")
    assert warnings(planned_scene) == ""


@pytest.mark.parametrize("kind", ["lamp", "world", "material", "instanced lamp", "nodes", "left out lamp", "workbench"])
def test_every_kind_of_light_counts(addon: Import, planned_scene: bpy.types.Scene, kind: str) -> None:
    lamp, cube = planned_scene.objects["Lamp"], bpy.data.objects["Cube"]
    if kind == "left out lamp":
        collection = bpy.data.collections.new("Captured")
        for name in ("Cube", "Ball"):
            collection.objects.link(bpy.data.objects[name])
        planned_scene.hashlight.capture.collection = collection
    elif kind == "instanced lamp":
        source = bpy.data.collections.new("Source")
        source.objects.link(lamp)
        planned_scene.collection.objects.unlink(lamp)
        instance = bpy.data.objects.new("Instance", None)
        instance.instance_type, instance.instance_collection = "COLLECTION", source
        planned_scene.collection.objects.link(instance)
    elif kind != "lamp":
        bpy.data.objects.remove(lamp)
    if kind == "world":
        planned_scene.world = new_world(0.5)
    elif kind == "material":
        cube.data.materials.append(new_material("Glow", Emission_Strength=0.5, Emission_Color=(1.0, 1.0, 1.0, 1.0)))
    elif kind == "nodes":
        group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
        group.nodes.new("GeometryNodeSetMaterial").inputs["Material"].default_value = new_material(
            "Glow", Emission_Strength=0.5, Emission_Color=(1.0, 1.0, 1.0, 1.0)
        )
        cube.modifiers.new("Nodes", "NODES").node_group = group
    elif kind == "workbench":
        planned_scene.render.engine = "BLENDER_WORKBENCH"
    assert "Nothing gives light" not in warnings(planned_scene)


def test_other_view_layers_are_told_and_what_they_show_is_shown_here(
    addon: Import, planned_scene: bpy.types.Scene
) -> None:
    front = bpy.data.collections.new("Front")
    planned_scene.collection.children.link(front)
    front.objects.link(bpy.data.objects["Ball"])
    planned_scene.collection.objects.unlink(bpy.data.objects["Ball"])
    for name in ("Second", "Third"):
        planned_scene.view_layers.new(name)
    bpy.context.view_layer.layer_collection.children["Front"].exclude = True
    bpy.ops.hashlight.fit_bounds()
    layer = bpy.context.view_layer.name
    assert (
        f"2 view layers render, too (Second, Third), but only {layer} is captured, without 1 object: Ball"
        in warnings(planned_scene)
    )
    press(addon, planned_scene, "view layers", "Show Here")
    assert not bpy.context.view_layer.layer_collection.children["Front"].exclude
    bpy.ops.hashlight.fit_bounds()
    assert "It shows all that the others do" in warnings(planned_scene)
    for name in ("Second", "Third"):
        planned_scene.view_layers[name].use = False
    assert warnings(planned_scene) == ""


def add_compositing(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    if hasattr(scene, "compositing_node_group"):
        tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        scene.compositing_node_group = tree
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
    tree.nodes.new("CompositorNodeRLayers")
    tree.nodes.new("CompositorNodeViewer")
    return tree


def test_settings_that_captures_pass_over_are_told_once_with_their_number(planned_scene: bpy.types.Scene) -> None:
    scene = planned_scene
    tree = add_compositing(scene)
    assert warnings(scene) == "", "what leaves pictures as they are is nothing to tell"
    for kind in ("CompositorNodeGlare", "CompositorNodeLensdist"):
        tree.nodes.new(kind)
    strips = (scene.sequence_editor or scene.sequence_editor_create()).strips
    strips.new_effect(name="Color", type="COLOR", channel=1, frame_start=1, **strip_length(strips))
    scene.render.use_freestyle = scene.render.use_border = scene.render.use_stamp = True
    scene.world = new_world(1.0)
    sky = scene.world.node_tree.nodes.new("ShaderNodeTexEnvironment")
    scene.world.node_tree.links.new(sky.outputs[0], scene.world.node_tree.nodes["Background"].inputs["Color"])
    words = warnings(scene)
    assert words == (
        "6 settings of the scene's renders are not in captures: Compositing (2 nodes), Sequencer (1 strip), Freestyle, "
        "Render Region, Burn Into Image, World (its picture behind everything). Have them on what is rendered from the "
        "field"
    )
    scene.render.use_compositing = scene.render.use_sequencer = False
    scene.render.use_freestyle = scene.render.use_border = scene.render.use_stamp = False
    scene.render.film_transparent = True
    assert warnings(scene) == ""


def strip_length(strips: bpy.types.bpy_prop_collection) -> dict[str, int]:
    parameters = strips.bl_rna.functions["new_effect"].parameters.keys()
    return {"length": 10} if "length" in parameters else {"frame_end": 11}


def test_freestyle_draws_no_lines_into_captures(addon: Import, planned_scene: bpy.types.Scene) -> None:
    planned_scene.render.use_freestyle = True
    settings = bpy.context.view_layer.freestyle_settings
    lines = settings.linesets[0] if len(settings.linesets) else settings.linesets.new("Lines")
    lines.linestyle = bpy.data.linestyles.new("Green")
    lines.linestyle.color, lines.linestyle.thickness = (0.0, 50.0, 0.0), 4.0
    with start_capture(addon, planned_scene) as job:
        color = next(job).color.astype(np.float32)
    assert (color[..., 3] > 0).any()
    assert not (color[..., 1] > 10.0).any()
    assert planned_scene.render.use_freestyle


def test_blur_is_told_with_a_way_to_be_rid_of_it(addon: Import, planned_scene: bpy.types.Scene) -> None:
    scene = planned_scene
    scene.render.use_motion_blur = scene.camera.data.dof.use_dof = True
    assert warnings(scene) == "Motion blur is on: the field learns the blur as if it were there"
    press(addon, scene, "Motion blur", "Turn Off Motion Blur")
    scene.hashlight.capture.rig, scene.hashlight.capture.held_out_views = "SCENE_CAMERAS", 0
    assert "Depth of field is on in 1 camera (Camera)" in warnings(scene)
    scene.camera.data.dof.use_dof = False
    assert warnings(scene) == ""


def test_shadow_catchers_and_holdouts_are_told(addon: Import, planned_scene: bpy.types.Scene) -> None:
    ground = add_ground(8.0)
    ground.is_shadow_catcher = True
    bpy.ops.hashlight.fit_bounds()
    assert "1 shadow catcher (Ground): their shadows are in the pictures" in warnings(planned_scene)
    with start_capture(addon, planned_scene) as job:
        view, *_ = list(job)
        assert job.warnings == [], "shadows are not the subject"
    assert np.isinf(view.depth[view.color[..., 3] == 0]).all(), "no surface where there is not even a shadow"
    press(addon, planned_scene, "shadow catcher", "Leave Out of Capture")
    assert planned_scene.hashlight.capture.plan_warnings == ""
    planned_scene.hashlight.capture.collection = None
    ground.is_shadow_catcher, ground.is_holdout = False, True
    assert "1 holdout (Ground): where they hide something" in warnings(planned_scene)
    ground.hide_render = True
    assert warnings(planned_scene) == ""


def paint(name: str, color: tuple[float, float, float]) -> None:
    """Have all objects give light of ``color`` and nothing else."""
    material = new_material(name)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    light = nodes.new("ShaderNodeEmission")
    light.inputs["Color"].default_value = (*color, 1.0)
    output = next(node for node in nodes if node.bl_idname == "ShaderNodeOutputMaterial")
    links.new(light.outputs[0], output.inputs["Surface"])
    for obj in bpy.context.scene.objects:
        if obj.type == "MESH":
            obj.data.materials.clear()
            obj.data.materials.append(material)


@pytest.mark.parametrize(
    ("color", "exposure", "words"),
    [
        ((0.0, 0.0, 0.0), 0.0, "4 of 4 views are black"),
        ((0.01, 0.01, 0.01), -8.0, "4 of 4 views are black"),
        ((0.0002, 0.0, 0.0), 8.0, ""),
        ((20.0, 20.0, 20.0), 0.0, "4 of 4 views are white all over"),
        ((20.0, 20.0, 20.0), -3.0, ""),
        ((0.5, 0.2, 0.1), 0.0, ""),  # an outline teaches a shape
    ],
)
def test_views_that_teach_nothing_are_told_after_the_first(
    addon: Import,
    planned_scene: bpy.types.Scene,
    color: tuple[float, float, float],
    exposure: float,
    words: str,
) -> None:
    paint("Light", color)
    planned_scene.view_settings.exposure = exposure
    with start_capture(addon, planned_scene) as job:
        next(job)
        first = "\n".join(warning.words for warning in job.warnings)
        list(job)
        last = "\n".join(warning.words for warning in job.warnings)
    assert ("1 of 4" + words.removeprefix("4 of 4") in first) if words else first == ""
    assert (words in last) if words else last == ""


def test_views_of_one_colour_all_over_are_told(addon: Import, planned_scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=50.0)
    paint("Light", (0.5, 0.2, 0.1))
    with start_capture(addon, planned_scene) as job:
        list(job)
        assert any(each.words.startswith("4 of 4 views are of one colour all over (") for each in job.warnings)


def test_an_empty_view_is_told_by_name(addon: Import, planned_scene: bpy.types.Scene) -> None:
    camera = bpy.data.objects["train_001"]
    camera.rotation_euler = (0.0, 0.0, 0.0)
    camera.location = (0.0, 0.0, -30.0)
    with start_capture(addon, planned_scene) as job:
        list(job)
        assert any("1 of 4 views show nothing (train_001): " in each.words for each in job.warnings)


def test_the_command_line_tells_what_can_be_known_first_then_what_the_first_view_shows(
    addon: Import, small_scene: bpy.types.Scene, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bpy.data.objects.remove(bpy.data.objects["Lamp"])
    add_ground(90.0)
    few = ["--views", "3", "--held-out", "1", "--size", "24x24", "--folder", str(tmp_path / "job")]
    assert addon("command_line.registration").execute(["capture", *few]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line or " of 4 views, " in line]
    places = [
        next(place for place, line in enumerate(lines) if words in line)
        for words in (
            "warning: Ground makes what is captured 90 m large",
            "warning: Nothing gives light",
            "1 of 4 views, ",
            "warning: 1 of 4 views are black (",
            "4 of 4 views, ",
            "warning: 4 of 4 views are black (",
        )
    ]
    assert places == sorted(places)
    assert "(--collection NAME of all the rest --fit)" in lines[0]


def test_the_panel_draws_these_with_their_buttons(planned_scene: bpy.types.Scene, drawn: Callable[[str], str]) -> None:
    bpy.data.objects.remove(bpy.data.objects["Lamp"])
    add_ground(90.0)
    bpy.ops.hashlight.fit_bounds()
    warnings(planned_scene)
    words = drawn("HASHLIGHT_PT_capture")
    assert "times as large as the rest" in words and "Leave Out and Fit" in words
    assert "Nothing gives light" in words and "Add Sun" in words
