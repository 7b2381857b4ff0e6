"""What a plan is warned of because of the scene itself: lights, view layers, settings that are passed over."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from capture_jobs import start_capture
from cures import plan, press
from small_scenes import add_ground, new_material, new_world

Import = Callable[[str], ModuleType]


def test_handlers_that_views_run_are_told_by_name_and_ours_are_not(planned_scene: bpy.types.Scene) -> None:
    def spin(*_: object) -> None:
        planned_scene.objects["Cube"].rotation_euler.z += 0.1

    assert plan(planned_scene) == ""
    bpy.app.handlers.frame_change_post.append(spin)
    try:
        words = plan(planned_scene)
    finally:
        bpy.app.handlers.frame_change_post.remove(spin)
    assert "1 handler of scripts or other add-ons runs before or after each view (spin of test_scene_warnings)" in words
    assert plan(planned_scene) == ""


def test_a_worlds_colour_behind_everything_is_said_not_to_be_in_views(
    addon: Import, small_scene: bpy.types.Scene, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    describe = addon("capture.passed_over").describe_backdrop
    assert describe(small_scene) == ""
    small_scene.world = new_world(0.5)
    small_scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.1, 0.2, 0.4, 1.0)
    words = "Transparent behind everything, without the World's colour (0.2 of white)"
    few = ["--views", "2", "--held-out", "0", "--size", "16x16", "--folder", str(tmp_path / "job")]
    assert addon("command_line.registration").execute(["capture", *few]) == 0
    assert capsys.readouterr().err.count(f"warning: {words}") == 1
    assert plan(small_scene) == "", "which no plan is warned of, as nearly every scene has one"
    small_scene.render.film_transparent = True
    assert describe(small_scene) == ""


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
    assert f"2 view layers render, too (Second, Third), but only {layer} is captured, without 1 object: Ball" in plan(
        planned_scene
    )
    press(addon, planned_scene, "view layers", "Show Here")
    assert not bpy.context.view_layer.layer_collection.children["Front"].exclude
    bpy.ops.hashlight.fit_bounds()
    assert "It shows all that the others do" in plan(planned_scene)
    for name in ("Second", "Third"):
        planned_scene.view_layers[name].use = False
    assert plan(planned_scene) == ""


@pytest.mark.parametrize("kind", ["material", "holdout", "sky"])
def test_a_view_layer_that_shows_the_same_otherwise_is_told_by_what(
    addon: Import, planned_scene: bpy.types.Scene, kind: str
) -> None:
    second = planned_scene.view_layers.new("Second")
    if kind == "material":
        second.material_override = new_material("Clay")
    elif kind == "sky":
        second.use_sky = False
    else:
        planned_scene.collection.children.link(bpy.data.collections.new("Front"))
        second.layer_collection.children["Front"].holdout = True
    setting = {"material": "Material Override", "holdout": "Holdout", "sky": "Sky"}[kind]
    words = plan(planned_scene)
    assert "1 view layer renders, too (Second), but only" in words and "all that the others do" not in words
    assert f"1 setting is not in captures: {setting} in Second. Set what is wanted in" in words


@pytest.mark.parametrize("kind", ["eye", "monitor", "wire", "collection of operands"])
def test_an_operand_that_is_hidden_in_the_viewport_alone_is_told(
    addon: Import, planned_scene: bpy.types.Scene, kind: str
) -> None:
    cube, ball = planned_scene.objects["Cube"], planned_scene.objects["Ball"]
    cut = cube.modifiers.new("Cut", "BOOLEAN")
    cut.object = ball
    if kind == "monitor":
        ball.hide_viewport = True
    elif kind == "wire":
        ball.display_type = "WIRE"
    else:
        ball.hide_set(True)
    if kind == "collection of operands":
        collection = bpy.data.collections.new("Operands")
        planned_scene.collection.children.link(collection)
        collection.objects.link(ball)
        cut.operand_type, cut.collection, cut.object = "COLLECTION", collection, None
    bpy.ops.hashlight.fit_bounds()
    words = "1 object of modifiers (Ball for Cube) is hidden or wire in the viewport, but renders show it"
    assert words in plan(planned_scene)
    press(addon, planned_scene, words, "Disable in Renders")
    assert ball.hide_render
    bpy.ops.hashlight.fit_bounds()
    assert plan(planned_scene) == ""


def test_an_operand_that_is_shown_solid_is_meant_to_be_seen(addon: Import, planned_scene: bpy.types.Scene) -> None:
    planned_scene.objects["Cube"].modifiers.new("Cut", "BOOLEAN").object = planned_scene.objects["Ball"]
    assert "of modifiers" not in plan(planned_scene)


def test_a_volume_in_the_world_is_told_and_not_taken_for_a_missing_light(
    addon: Import, planned_scene: bpy.types.Scene
) -> None:
    planned_scene.world = new_world(0.5)
    tree = planned_scene.world.node_tree
    fog = tree.nodes.new("ShaderNodeVolumePrincipled")
    fog.inputs["Density"].default_value = 50.0
    tree.links.new(fog.outputs[0], tree.get_output_node("CYCLES").inputs["Volume"])
    assert "1 volume fills the world: it is before all that cameras see" in plan(planned_scene)
    with start_capture(addon, planned_scene) as job:
        list(job)
        told = " ".join(warning.words for warning in job.warnings)
    assert "the world's volume is before all that cameras see" in told and "is there a light?" not in told
    planned_scene.render.engine = "BLENDER_WORKBENCH"
    assert "volume" not in plan(planned_scene)


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
    assert plan(scene) == "", "what leaves pictures as they are is nothing to tell"
    for kind in ("CompositorNodeGlare", "CompositorNodeLensdist"):
        tree.nodes.new(kind)
    strips = (scene.sequence_editor or scene.sequence_editor_create()).strips
    strips.new_effect(name="Color", type="COLOR", channel=1, frame_start=1, **strip_length(strips))
    scene.render.use_freestyle = scene.render.use_border = scene.render.use_stamp = True
    scene.world = new_world(1.0)
    sky = scene.world.node_tree.nodes.new("ShaderNodeTexEnvironment")
    scene.world.node_tree.links.new(sky.outputs[0], scene.world.node_tree.nodes["Background"].inputs["Color"])
    words = plan(scene)
    assert words == (
        "6 settings of the scene's renders are not in captures: Compositing (2 nodes), Sequencer (1 strip), Freestyle, "
        "Render Region, Burn Into Image, World (its picture behind everything). Have them on what is rendered from the "
        "field"
    )
    scene.render.use_compositing = scene.render.use_sequencer = False
    scene.render.use_freestyle = scene.render.use_border = scene.render.use_stamp = False
    scene.render.film_transparent = True
    assert plan(scene) == ""


def test_a_pattern_in_the_world_is_passed_over_and_told(planned_scene: bpy.types.Scene) -> None:
    planned_scene.world = new_world(1.0)
    tree = planned_scene.world.node_tree
    pattern = tree.nodes.new("ShaderNodeTexGradient")
    assert plan(planned_scene) == "", "it is linked to nothing"
    tree.links.new(pattern.outputs[0], tree.nodes["Background"].inputs["Color"])
    words = "1 setting of the scene's renders is not in captures: World (its pattern behind everything)"
    assert words in plan(planned_scene)
    planned_scene.render.film_transparent = True
    assert plan(planned_scene) == ""


def test_a_volume_without_anything_in_it_is_no_surface(addon: Import, planned_scene: bpy.types.Scene) -> None:
    planned_scene.collection.objects.link(bpy.data.objects.new("Smoke", bpy.data.volumes.new("Smoke")))
    assert "as large as the rest" not in plan(planned_scene)


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
    assert plan(scene) == (
        "Motion blur is on, over 0.5 frames: the field learns the blur as if it were there. Turn it off"
    )
    press(addon, scene, "Motion blur", "Turn Off Motion Blur")
    scene.hashlight.capture.rig, scene.hashlight.capture.held_out_views = "SCENE_CAMERAS", 0
    assert "Depth of field is on in 1 camera (Camera)" in plan(scene)
    scene.camera.data.dof.use_dof = False
    assert plan(scene) == ""


def test_shadow_catchers_and_holdouts_are_told(addon: Import, planned_scene: bpy.types.Scene) -> None:
    ground = add_ground(8.0)
    ground.is_shadow_catcher = True
    bpy.ops.hashlight.fit_bounds()
    assert "1 shadow catcher (Ground): their shadows are in the pictures" in plan(planned_scene)
    with start_capture(addon, planned_scene) as job:
        view, *_ = list(job)
        assert job.warnings == [], "shadows are not the subject"
    assert np.isinf(view.depth[view.color[..., 3] == 0]).all(), "no surface where there is not even a shadow"
    press(addon, planned_scene, "shadow catcher", "Leave Out")
    assert planned_scene.hashlight.capture.plan_warnings == ""
    planned_scene.hashlight.capture.collection = None
    ground.is_shadow_catcher, ground.is_holdout = False, True
    assert "1 holdout (Ground): where they hide something" in plan(planned_scene)
    ground.hide_render = True
    assert plan(planned_scene) == ""


def test_a_shadow_catcher_in_an_instance_is_told(addon: Import, planned_scene: bpy.types.Scene) -> None:
    ground = add_ground(8.0)
    ground.is_shadow_catcher = True
    source = bpy.data.collections.new("Source")
    source.objects.link(ground)
    planned_scene.collection.objects.unlink(ground)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", source
    planned_scene.collection.objects.link(instance)
    bpy.ops.hashlight.fit_bounds()
    assert "1 shadow catcher (Instance)" in plan(planned_scene)
    with start_capture(addon, planned_scene) as job:
        list(job)
        assert job.warnings == [], "shadows are not the subject"


def test_an_object_without_a_valid_transform_is_told(planned_scene: bpy.types.Scene) -> None:
    planned_scene.objects["Ball"].location.z = math.nan
    bpy.context.view_layer.update()
    words = plan(planned_scene)
    assert "1 object (Ball) is invalidly placed, and left out: clear location, rotation and scale" in words


def test_what_is_too_far_from_the_origin_is_told(planned_scene: bpy.types.Scene) -> None:
    for obj in planned_scene.objects:
        obj.location.x += 5e6
    bpy.context.view_layer.update()
    bpy.ops.hashlight.fit_bounds()
    words = plan(planned_scene)
    assert "What is captured is 5000" in words and "coordinates are 0.6 m apart" in words


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
    plan(planned_scene)
    words = drawn("HASHLIGHT_PT_capture")
    assert "times as large as the rest" in words and "Leave Out and Fit" in words
    assert "Nothing gives light" in words and "Add Sun" in words
