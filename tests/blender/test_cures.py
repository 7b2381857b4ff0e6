"""What the plan is warned of, and the buttons that put it right: each warning is gone once its button was pressed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from small_scenes import add_box, clear, furnish_room, set_up_product

Import = Callable[[str], ModuleType]


def plan(scene: bpy.types.Scene) -> str:
    """Plan the cameras, and give what is said of them."""
    bpy.ops.hashlight.plan_cameras()
    return scene.hashlight.capture.plan_warnings


def press(addon: Import, scene: bpy.types.Scene, words: str, label: str, findings: str = "plan_findings") -> None:
    """Press the button ``label`` of the warning that has ``words`` in it, as the panel would."""
    (finding,) = [each for each in getattr(scene.hashlight.capture, findings) if words in each.words]
    cures = {cure.label: cure for cure in addon("capture.plan_warnings").unpack(finding.cures)}
    assert label in cures, list(cures)
    group, name = cures[label].operator.split(".")
    assert getattr(getattr(bpy.ops, group), name)(**cures[label].properties) == {"FINISHED"}
    bpy.context.view_layer.update()


def labels(addon: Import, scene: bpy.types.Scene, words: str) -> list[str]:
    """The buttons of the warning that has ``words`` in it, in their order."""
    (finding,) = [each for each in scene.hashlight.capture.plan_findings if words in each.words]
    return [cure.label for cure in addon("capture.plan_warnings").unpack(finding.cures)]


def slide(obj: bpy.types.Object) -> None:
    """Have ``obj`` move a little in 20 frames."""
    for frame, x in ((1, 0.0), (20, 0.1)):
        obj.location.x = x
        obj.keyframe_insert("location", index=0, frame=frame)


def add_material(obj: str, name: str, **inputs: object) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # Blender before 5.0
        material.use_nodes = True
    for identifier, value in inputs.items():
        material.node_tree.nodes["Principled BSDF"].inputs[identifier.replace("_", " ")].default_value = value
    data = bpy.data.objects[obj].data
    data.materials.clear()
    data.materials.append(material)
    return material


@pytest.fixture
def product(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A ball on a sweep, bounds around the ball, a hemisphere of 12 + 2 cameras."""
    set_up_product(scene)
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["Ball"].select_set(True)
    bpy.ops.hashlight.fit_to_selected()
    settings = scene.hashlight.capture
    settings.training_views, settings.held_out_views, settings.radius = 12, 2, 6.0
    bpy.context.view_layer.update()
    return scene


def test_cameras_behind_a_backdrop_come_before_it(addon: Import, product: bpy.types.Scene) -> None:
    words = plan(product)
    assert "Sweep hides the subject from " in words and " of 14 cameras: " in words
    press(addon, product, "Sweep hides", "Use Front Arc")
    assert product.hashlight.capture.rig == "FRONT_ARC"
    assert "hides" not in product.hashlight.capture.plan_warnings


def test_what_hides_the_subject_or_lies_outside_is_left_out(addon: Import, product: bpy.types.Scene) -> None:
    assert "Parts of the scene lie outside the bounds: Sweep (" in plan(product)
    press(addon, product, "outside the bounds", "Leave Out of Capture")
    collection = product.hashlight.capture.collection
    assert [obj.name for obj in collection.objects] == ["Ball"]
    assert product.hashlight.capture.plan_warnings == ""
    assert not bpy.data.objects["Sweep"].hide_render


def test_leaving_out_once_more_adds_to_the_same_collection(addon: Import, product: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0.0, 0.0, 1.0))
    plan(product)
    press(addon, product, "outside the bounds", "Leave Out of Capture")
    bpy.ops.hashlight.leave_out(names="Cube")
    assert [obj.name for obj in product.hashlight.capture.collection.objects] == ["Ball"]
    assert len([each for each in bpy.data.collections if each.name.startswith("Capture Collection")]) == 1
    with pytest.raises(RuntimeError, match="Nothing would be left"):
        bpy.ops.hashlight.leave_out(names="Ball")


def test_a_collection_of_the_users_own_stays_as_it_is(addon: Import, product: bpy.types.Scene) -> None:
    own = bpy.data.collections.new("Own")
    product.collection.children.link(own)
    for name in ("Ball", "Sweep"):
        own.objects.link(bpy.data.objects[name])
    product.hashlight.capture.collection = own
    bpy.ops.hashlight.leave_out(names="Sweep")
    assert sorted(obj.name for obj in own.objects) == ["Ball", "Sweep"]
    assert product.hashlight.capture.collection != own


def test_bounds_that_cut_the_subject_are_fitted(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.data.objects["Ball"].scale = (1.3, 1.3, 1.3)
    bpy.context.view_layer.update()
    assert "outside the bounds: Ball (" in plan(product)
    press(addon, product, "outside the bounds", "Fit Bounds")
    assert plan(product) == ""


def test_cameras_below_the_ground_are_told(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.ops.mesh.primitive_plane_add(size=8.0)
    product.hashlight.capture.rig = "SPHERE"
    assert "Plane hides the subject from " in plan(product)
    press(addon, product, "Plane hides", "Use Hemisphere")
    assert "hides" not in product.hashlight.capture.plan_warnings


def test_a_wall_hides_the_subject_and_a_large_body_is_part_of_it(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.ops.mesh.primitive_cube_add(size=2.0, location=(-3.0, 0.0, 1.0))
    body = bpy.context.object
    bpy.ops.hashlight.fit_bounds()
    assert plan(product) == ""
    body.scale.x = 0.05  # a wall with a thickness, which a closed surface encloses, too
    bpy.context.view_layer.update()
    bpy.ops.hashlight.fit_bounds()
    assert "Cube hides the subject from " in plan(product)


def test_cameras_outside_the_room_of_the_scene_camera_go_inside(addon: Import, scene: bpy.types.Scene) -> None:
    furnish_room(scene)
    settings = scene.hashlight.capture
    settings.training_views, settings.held_out_views = 12, 2
    bpy.ops.hashlight.fit_bounds()
    words = plan(scene)
    assert "The scene camera is in a room of 6." in words and "14 of 14 cameras stand outside it" in words
    press(addon, scene, "in a room", "Use Inside")
    assert settings.rig == "INSIDE" and settings.plan_warnings == ""
    scene.camera.location = (20.0, 0.0, 1.0)
    bpy.context.view_layer.update()
    settings.rig = "HEMISPHERE"
    assert "in a room" not in plan(scene), "seen from outside, a house is meant"


def test_a_product_in_a_room_is_not_taken_for_the_room(addon: Import, scene: bpy.types.Scene) -> None:
    furnish_room(scene)
    add_box("Vase", (2.6, 1.9, 0.75), (2.9, 2.2, 1.2))
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["Vase"].select_set(True)
    bpy.ops.hashlight.fit_to_selected()
    bpy.context.view_layer.update()
    assert "in a room" not in plan(scene)


def animate_camera(scene: bpy.types.Scene, path: str, values: tuple[float, float], index: int) -> None:
    for frame, value in zip((1, 20), values, strict=True):
        getattr(scene.camera, path)[index] = value
        scene.camera.keyframe_insert(path, index=index, frame=frame)
    scene.frame_start, scene.frame_end = 1, 20
    scene.hashlight.capture.rig, scene.hashlight.capture.frame_step = "ANIMATION", 2


def test_an_animation_from_one_place_is_told(addon: Import, small_scene: bpy.types.Scene) -> None:
    bpy.ops.hashlight.fit_bounds()
    animate_camera(small_scene, "rotation_euler", (-0.1, 0.1), 2)
    assert "All 10 views are taken from one place (0.00 m apart at most)" in plan(small_scene)
    press(addon, small_scene, "one place", "Use Hemisphere")
    assert small_scene.hashlight.capture.plan_warnings == ""
    animate_camera(small_scene, "location", (-2.0, 2.0), 0)
    assert "one place" not in plan(small_scene)


def test_what_moves_is_told_by_name(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0.0, 0.0, 0.5))
    cube = bpy.context.object
    slide(cube)
    product.frame_start, product.frame_end = 1, 20
    product.frame_set(7)
    assert "Cube moves: only frame 7 is captured. Go to another frame to capture that" in plan(product)
    assert labels(addon, product, "Cube moves") == ["Select", "Leave Out of Capture"]
    bpy.ops.object.select_all(action="DESELECT")
    press(addon, product, "Cube moves", "Select")
    assert cube.select_get()
    press(addon, product, "Cube moves", "Leave Out of Capture")
    assert [obj.name for obj in product.hashlight.capture.collection.objects] == ["Ball"]
    assert product.hashlight.capture.plan_warnings == ""
    product.hashlight.capture.collection = None
    animate_camera(product, "location", (-2.0, 2.0), 0)
    product.frame_set(7)
    assert "Cube moves while the camera does: a field shows one moment. Other layouts capture frame 7" in plan(product)
    assert labels(addon, product, "Cube moves while") == ["Use Hemisphere", "Select", "Leave Out of Capture"]
    press(addon, product, "Cube moves while", "Use Hemisphere")
    assert "while the camera" not in product.hashlight.capture.plan_warnings


@pytest.mark.parametrize("ground", [0.0, 0.8, 8.0])
def test_a_subject_that_moves_is_not_to_be_left_out(addon: Import, product: bpy.types.Scene, ground: float) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    slide(bpy.data.objects["Ball"])
    if ground:  # in whose box the subject may be small
        bpy.ops.mesh.primitive_plane_add(size=ground, location=(0.0, 0.0, -0.01))
        bpy.ops.hashlight.fit_bounds()
    product.frame_set(1)
    assert "Ball moves: only frame 1 is captured" in plan(product)
    assert labels(addon, product, "Ball moves") == ["Select"]


@pytest.mark.parametrize("kind", ["still keys", "parent", "armature", "shape key", "driver", "nodes", "instance"])
def test_every_kind_of_movement_is_found(addon: Import, scene: bpy.types.Scene, kind: str) -> None:
    clear(scene)
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.object.empty_add()
    mover = bpy.context.object
    for frame, x in ((1, 0.0), (20, 0.0 if kind == "still keys" else 1.0)):
        mover.location.x = x
        mover.keyframe_insert("location", frame=frame)
    scene.frame_start, scene.frame_end = 1, 20
    if kind in {"parent", "still keys"}:
        cube.parent = mover
    elif kind == "armature":
        armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
        scene.collection.objects.link(armature)
        armature.parent = mover
        cube.modifiers.new("Armature", "ARMATURE").object = armature
    elif kind == "shape key":
        cube.shape_key_add(name="Basis")
        key = cube.shape_key_add(name="Key")
        for frame, value in ((1, 0.0), (20, 1.0)):
            key.value = value
            key.keyframe_insert("value", frame=frame)
    elif kind == "driver":
        cube.driver_add("location", 0).driver.expression = "frame / 10"
    elif kind == "nodes":
        group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
        group.nodes.new("GeometryNodeInputSceneTime")
        cube.modifiers.new("Nodes", "NODES").node_group = group
    else:
        source = bpy.data.collections.new("Source")
        source.objects.link(cube)
        cube.parent = mover
        cube = bpy.data.objects.new("Instance", None)
        cube.instance_type, cube.instance_collection = "COLLECTION", source
        scene.collection.objects.link(cube)
    bpy.context.view_layer.update()
    assert addon("capture.movement").Movement(scene).moves(cube) == (kind != "still keys")


def test_glass_and_mirrors_are_named_until_depth_is_off(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    add_material("Ball", "Bottle", Transmission_Weight=1.0, Roughness=0.0)
    assert "Clear glass: Bottle." in plan(product)
    press(addon, product, "Clear glass", "Capture Without Depth")
    assert not product.hashlight.capture.use_depth and product.hashlight.capture.plan_warnings == ""
    product.hashlight.capture.use_depth = True
    add_material("Ball", "Chrome", Metallic=1.0, Roughness=0.02)
    assert "Mirrors: Chrome." in plan(product)
    press(addon, product, "Mirrors", "Capture Without Depth")
    assert product.hashlight.capture.plan_warnings == ""
    product.hashlight.capture.use_depth = True
    add_material("Ball", "Frosted", Transmission_Weight=1.0, Roughness=0.6)
    assert plan(product) == ""


def test_materials_that_give_light_are_named_with_how_much(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0.0, -0.2, 0.6))
    add_material("Cube", "Neon", Emission_Color=(1.0, 0.5, 0.2, 1.0), Emission_Strength=12.0)
    assert "Materials that give light: Neon (12 x white)" in plan(product)
    press(addon, product, "give light", "Leave Out of Capture")
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


def test_other_engines_say_how_they_leave_out(addon: Import, product: bpy.types.Scene) -> None:
    plan(product)
    press(addon, product, "outside the bounds", "Leave Out of Capture")
    product.render.engine = "BLENDER_WORKBENCH"
    assert "without light or shadows from the rest" in plan(product)
    press(addon, product, "without light", "Use Cycles")
    assert product.render.engine == "CYCLES" and product.hashlight.capture.plan_warnings == ""


def test_what_a_file_of_another_version_says_makes_no_buttons(addon: Import) -> None:
    unpack = addon("capture.plan_warnings").unpack
    assert unpack("") == [] and unpack("nonsense") == [] and unpack('[{"other": 1}]') == []


def selected() -> list[str]:
    return sorted(obj.name for obj in bpy.context.selected_objects)


def test_cameras_in_a_mesh_or_blind_are_selected_and_so_is_the_mesh(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    plan(product)
    stray = bpy.data.objects["train_003"]
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=stray.location)
    blind = bpy.data.objects["train_005"]
    blind.location, blind.rotation_euler = (0.0, 0.0, -90.0), (0.0, 0.0, 0.0)
    blind.name = "renamed"
    bpy.context.view_layer.update()
    addon("capture.plan_watch").check(bpy.context)
    press(addon, product, "Inside a mesh: train_003", "Select Cameras")
    assert selected() == ["train_003"]
    press(addon, product, "Inside a mesh", "Select Meshes")
    assert selected() == ["Cube"]
    press(addon, product, "Seeing nothing: renamed", "Select Cameras")
    assert selected() == ["renamed"]


def test_what_a_capture_finds_comes_with_buttons(
    addon: Import, product: bpy.types.Scene, drawn: Callable[[str], str], tmp_path: Path
) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    product.hashlight.folder = str(tmp_path)
    plan(product)
    bpy.ops.mesh.primitive_cube_add(size=0.5, location=bpy.data.objects["train_003"].location)
    box = bpy.data.objects["Hashlight Bounds"]
    box.scale = box.scale * 0.7
    bpy.context.view_layer.update()
    bpy.ops.hashlight.capture()
    words = drawn("HASHLIGHT_PT_capture")
    assert words.index("views are black (train_003") < words.index("Select Lights") < words.index("cut off part of")
    press(addon, product, "views are black", "Select Cameras", "capture_findings")
    assert "train_003" in selected()
    press(addon, product, "views are black", "Select Lights", "capture_findings")
    assert selected() == ["Lamp"]
    before = box.scale.copy()
    press(addon, product, "cut off part of the subject", "Fit Bounds", "capture_findings")
    assert min(after / former for after, former in zip(box.scale, before, strict=True)) > 1.2


def test_lines_through_triangles_are_found_on_either_side(addon: Import) -> None:
    crossed = addon("capture.backdrop_checks")._crossed
    wall = np.array([[(-5, 1, -5), (5, 1, -5), (0, 1, 5)]], float)
    origins = np.array([(0, 3, 0), (0, -3, 0), (0, 0.5, 0), (7, 3, 0), (9, 3, 0)], float)
    for turn in (Matrix.Identity(3), Matrix.Rotation(1.0, 3, (1, 2, 3))):
        matrix = np.array(turn)
        for triangles in (wall, wall[:, ::-1]):
            result = crossed(triangles @ matrix.T, origins @ matrix.T, np.zeros(3))
            np.testing.assert_array_equal(result, [True, False, False, True, False])


def test_the_panel_draws_each_warning_with_its_buttons(product: bpy.types.Scene, drawn: Callable[[str], str]) -> None:
    plan(product)
    words = drawn("HASHLIGHT_PT_capture")
    assert "Sweep hides the subject" in words
    assert "Use Front Arc" in words and "Leave Out of Capture" in words and "Fit Bounds" in words
    below = words.index("Sweep hides the subject")
    for button in ("Plan Cameras", "Capture and Train", "Stop After This View"):
        assert words.index(button) < below, f"{button} would move when a warning has gone"
    product.hashlight.capture.rig = "INSIDE"
    drawn("HASHLIGHT_PT_capture_rig")


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
