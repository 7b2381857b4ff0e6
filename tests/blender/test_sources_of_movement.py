"""Objects move by what carries, bends or makes them, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import pytest
from small_scenes import clear, slide

Import = Callable[[str], ModuleType]


def add_pair(scene: bpy.types.Scene) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A cube, and an empty that moves."""
    clear(scene)
    bpy.ops.object.empty_add()
    mover = bpy.context.object
    slide(mover)
    bpy.ops.mesh.primitive_cube_add()
    scene.frame_start, scene.frame_end = 1, 20
    return bpy.context.object, mover


FURTHER = ["strip", "value of a node group", "operand", "picture that bends", "part of an instancer", "bevel"]


@pytest.mark.parametrize("kind", FURTHER)
def test_what_bends_or_makes_an_object_counts(addon: Import, scene: bpy.types.Scene, tmp_path: Path, kind: str) -> None:
    cube, mover = add_pair(scene)
    if kind == "strip":
        animation = mover.animation_data
        track = animation.nla_tracks.new()
        track.strips.new("Strip", 1, animation.action).action_slot = animation.action_slot
        animation.action, cube.parent = None, mover
    elif kind == "value of a node group":
        group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
        value = group.nodes.new("ShaderNodeValue").outputs[0]
        for frame in (1, 20):
            value.default_value = frame
            value.keyframe_insert("default_value", frame=frame)
        cube.modifiers.new("Nodes", "NODES").node_group = group
    elif kind == "operand":
        bpy.ops.mesh.primitive_cube_add()
        bpy.context.object.parent = mover
        cube.modifiers.new("Cut", "BOOLEAN").object = bpy.context.object
    elif kind == "picture that bends":
        texture = bpy.data.textures.new("Waves", "IMAGE")
        texture.image = bpy.data.images.new("Clip", 4, 4)
        texture.image.filepath_raw = str(tmp_path / "clip0001.png")
        texture.image.save()
        texture.image.source = "SEQUENCE"
        texture.image_user.frame_duration = 10
        cube.modifiers.new("Displace", "DISPLACE").texture = texture
    elif kind == "part of an instancer":
        bpy.ops.mesh.primitive_cube_add()
        bpy.context.object.parent = cube
        slide(bpy.context.object)
        cube.instance_type = "VERTS"
    else:
        cube = bpy.data.objects.new("Curve", bpy.data.curves.new("Curve", "CURVE"))
        profile = bpy.data.objects.new("Profile", bpy.data.curves.new("Profile", "CURVE"))
        cube.data.bevel_mode, cube.data.bevel_object, profile.parent = "OBJECT", profile, mover
    movement = addon("capture.movement")
    assert movement.Movement(scene).moves(cube)
    scene.frame_end = 1
    assert not movement.Movement(scene).moves(cube)


@pytest.mark.parametrize(
    "kind", ["value of another's", "own property", "modifier that renders leave out", "muted strip"]
)
def test_what_neither_moves_nor_bends_is_no_movement(addon: Import, scene: bpy.types.Scene, kind: str) -> None:
    cube, mover = add_pair(scene)
    if kind == "value of another's":  # which moves, but goes by something else
        mover["size"] = 2.0
        target = cube.driver_add("location", 2).driver.variables.new().targets[0]
        target.id, target.data_path = mover, '["size"]'
    elif kind == "own property":
        for frame in (1, 20):
            cube["size"] = float(frame)
            cube.keyframe_insert('["size"]', frame=frame)
    elif kind == "modifier that renders leave out":
        mirror = cube.modifiers.new("Mirror", "MIRROR")
        mirror.mirror_object, mirror.show_render = mover, False
    else:
        slide(cube)
        animation = cube.animation_data
        track = animation.nla_tracks.new()
        track.strips.new("Strip", 1, animation.action).action_slot = animation.action_slot
        animation.action, track.mute = None, True
    assert not addon("capture.movement").Movement(scene).moves(cube)


def test_a_property_that_drives_others_is_movement_of_these(addon: Import, scene: bpy.types.Scene) -> None:
    cube, mover = add_pair(scene)
    for frame in (1, 20):
        mover["size"] = float(frame)
        mover.keyframe_insert('["size"]', frame=frame)
    driver = cube.driver_add("scale", 2).driver
    driver.expression = "var"
    target = driver.variables.new().targets[0]
    target.id, target.data_path = mover, '["size"]'
    assert addon("capture.movement").Movement(scene).moves(cube)


def test_drawings_that_follow_each_other_are_movement(addon: Import, scene: bpy.types.Scene) -> None:
    clear(scene)
    bpy.ops.object.grease_pencil_add(type="STROKE")
    drawing = bpy.context.object
    scene.frame_start, scene.frame_end = 1, 20
    movement = addon("capture.movement")
    assert not movement.Movement(scene).moves(drawing)
    drawing.data.layers[0].frames.new(10)
    assert movement.Movement(scene).moves(drawing)


def test_time_stretching_counts(addon: Import, scene: bpy.types.Scene) -> None:
    clear(scene)
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    for frame, x in ((20, 0.0), (40, 1.0)):
        cube.location.x = x
        cube.keyframe_insert("location", index=0, frame=frame)
    scene.frame_start, scene.frame_end = 1, 20
    movement = addon("capture.movement")
    assert not movement.Movement(scene).moves(cube)
    scene.render.frame_map_old, scene.render.frame_map_new = 200, 100
    scene.frame_set(19)
    assert cube.location.x > 0.5, "Blender goes twice as fast through the animation"
    assert movement.Movement(scene).moves(cube)


def test_particles_that_lie_where_they_were_strewn_are_no_movement(addon: Import, scene: bpy.types.Scene) -> None:
    clear(scene)
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    settings = cube.modifiers.new("Leaves", "PARTICLE_SYSTEM").particle_system.settings
    scene.frame_start, scene.frame_end = 1, 100
    movement, simulations = addon("capture.movement"), addon("capture.simulations")
    assert movement.Movement(scene).moves(cube)
    settings.physics_type, settings.frame_start, settings.frame_end, settings.lifetime = "NO", 1.0, 1.0, 200.0
    assert not movement.Movement(scene).moves(cube)
    assert simulations.uncached_simulations(cube, 1, 100) == []
    settings.lifetime = 50.0
    assert movement.Movement(scene).moves(cube), "they vanish"
    assert simulations.uncached_simulations(cube, 1, 100) == ["Leaves"]
