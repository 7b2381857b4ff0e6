"""What moves while views are captured, or while the camera does: found, told by name, and left out by a button."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import bpy
import pytest
from cures import labels, plan, press
from small_scenes import add_camera, add_sun, clear, furnish_room, slide

Import = Callable[[str], ModuleType]


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


def test_a_camera_that_turns_on_the_spot_in_the_open_is_not_sent_inside(addon: Import, scene: bpy.types.Scene) -> None:
    clear(scene)
    bpy.ops.mesh.primitive_plane_add(size=20.0)
    for angle in range(6):
        bpy.ops.mesh.primitive_cube_add(size=1.0, location=(6.0 * math.cos(angle), 6.0 * math.sin(angle), 0.5))
    add_sun(scene)
    add_camera(scene, (0.0, 0.0, 1.0))
    bpy.ops.hashlight.fit_bounds()
    animate_camera(scene, "rotation_euler", (0.0, 3.0), 2)
    assert "All 10 views are taken from one place" in plan(scene)
    assert labels(addon, scene, "one place") == ["Use Hemisphere"]


def test_one_that_turns_in_a_room_is(addon: Import, scene: bpy.types.Scene) -> None:
    furnish_room(scene)
    bpy.ops.hashlight.fit_bounds()
    animate_camera(scene, "rotation_euler", (0.0, 3.0), 2)
    plan(scene)
    assert labels(addon, scene, "one place") == ["Use Inside"]


def test_what_moves_is_told_by_name(addon: Import, product: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0.0, 0.0, 0.5))
    cube = bpy.context.object
    slide(cube)
    product.frame_start, product.frame_end = 1, 20
    product.frame_set(7)
    assert "1 object moves (Cube): only frame 7 is captured. Go to another frame to capture that" in plan(product)
    assert labels(addon, product, "moves (Cube)") == ["Select", "Leave Out"]
    bpy.ops.object.select_all(action="DESELECT")
    press(addon, product, "moves (Cube)", "Select")
    assert cube.select_get()
    press(addon, product, "moves (Cube)", "Leave Out")
    assert [obj.name for obj in product.hashlight.capture.collection.objects] == ["Ball"]
    assert product.hashlight.capture.plan_warnings == ""
    product.hashlight.capture.collection = None
    animate_camera(product, "location", (-2.0, 2.0), 0)
    product.frame_set(7)
    assert (
        "1 object moves (Cube) while the camera does: a field shows one moment. Other layouts capture frame 7"
        in plan(product)
    )
    assert labels(addon, product, "moves (Cube) while") == ["Use Hemisphere", "Select", "Leave Out"]
    press(addon, product, "moves (Cube) while", "Use Hemisphere")
    assert "while the camera" not in product.hashlight.capture.plan_warnings


@pytest.mark.parametrize("ground", [0.0, 0.8, 8.0])
def test_a_subject_that_moves_is_not_to_be_left_out(addon: Import, product: bpy.types.Scene, ground: float) -> None:
    bpy.data.objects.remove(bpy.data.objects["Sweep"])
    slide(bpy.data.objects["Ball"])
    if ground:  # in whose box the subject may be small
        bpy.ops.mesh.primitive_plane_add(size=ground, location=(0.0, 0.0, -0.01))
        bpy.ops.hashlight.fit_bounds()
    product.frame_set(1)
    assert "1 object moves (Ball): only frame 1 is captured" in plan(product)
    assert labels(addon, product, "moves (Ball)") == ["Select"]


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


def test_keys_between_looks_and_cycles_of_the_same_length_are_found(addon: Import, scene: bpy.types.Scene) -> None:
    movement = addon("capture.movement")

    def moves(keys: dict[int, float], last: int, is_cyclic: bool = False) -> bool:
        clear(scene)
        bpy.ops.mesh.primitive_cube_add()
        cube = bpy.context.object
        for frame, x in keys.items():
            cube.location.x = x
            cube.keyframe_insert("location", index=0, frame=frame)
        if is_cyclic:
            for curve in movement._curves(cube.animation_data.action, cube.animation_data.action_slot):
                curve.modifiers.new("CYCLES")
        scene.frame_start, scene.frame_end = 1, last
        return movement.Movement(scene).moves(cube)

    assert moves({100: 0.0, 105: 1.0, 120: 0.0}, last=250), "a jump"
    assert moves({-23: 0.0, -17: 1.0, -11: 0.0}, last=97, is_cyclic=True), "eight times around"
    assert moves({240: 0.0, 260: 1.0}, last=250), "only at the end"
    assert not moves({300: 0.0, 310: 1.0}, last=250), "after the end"
    assert not moves({1: 0.0, 20: 0.0}, last=20)


@pytest.mark.parametrize("kind", ["WAVE", "BUILD", "MESH_CACHE"])
def test_modifiers_that_change_by_themselves_are_movement(addon: Import, scene: bpy.types.Scene, kind: str) -> None:
    clear(scene)
    bpy.ops.mesh.primitive_cube_add()
    modifier = bpy.context.object.modifiers.new("Modifier", kind)
    assert addon("capture.movement").Movement(scene).moves(bpy.context.object)
    modifier.show_render = False
    assert not addon("capture.movement").Movement(scene).moves(bpy.context.object)


def test_a_sequence_of_volumes_is_movement(addon: Import, scene: bpy.types.Scene) -> None:
    volume = bpy.data.volumes.new("Smoke")
    smoke = bpy.data.objects.new("Smoke", volume)
    assert not addon("capture.movement").Movement(scene).moves(smoke)
    volume.is_sequence = True
    assert addon("capture.movement").Movement(scene).moves(smoke)


@pytest.mark.parametrize("kind", ["nested group", "object info", "driver", "shape keys of each other", "scene's frame"])
def test_movement_that_comes_from_elsewhere_is_found(addon: Import, scene: bpy.types.Scene, kind: str) -> None:
    clear(scene)
    bpy.ops.object.empty_add()
    mover = bpy.context.object
    slide(mover)
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    scene.frame_start, scene.frame_end = 1, 20
    group = bpy.data.node_groups.new("Outer", "GeometryNodeTree")
    if kind == "nested group":
        inner = bpy.data.node_groups.new("Inner", "GeometryNodeTree")
        inner.nodes.new("GeometryNodeInputSceneTime")
        group.nodes.new("GeometryNodeGroup").node_tree = inner
        cube.modifiers.new("Nodes", "NODES").node_group = group
    elif kind == "object info":
        group.nodes.new("GeometryNodeObjectInfo").inputs["Object"].default_value = mover
        cube.modifiers.new("Nodes", "NODES").node_group = group
    elif kind == "shape keys of each other":
        cube.shape_key_add(name="Basis")
        for name in ("One", "Other"):
            cube.shape_key_add(name=name)
        keys = cube.data.shape_keys
        for name, other in (("One", "Other"), ("Other", "One")):
            variable = keys.key_blocks[name].driver_add("value").driver.variables.new()
            variable.targets[0].id_type = "KEY"
            variable.targets[0].id, variable.targets[0].data_path = keys, f'key_blocks["{other}"].value'
    else:
        driver = cube.driver_add("location", 0).driver
        driver.expression = "var"
        target = driver.variables.new().targets[0]
        if kind == "driver":
            target.id, target.data_path = mover, "location.x"
        else:
            target.id_type = "SCENE"
            target.id, target.data_path = scene, "frame_current"
    bpy.context.view_layer.update()
    assert addon("capture.movement").Movement(scene).moves(cube) == (kind != "shape keys of each other")
