"""Objects that dwarf the rest of what is captured: a sky, a ground, something far away; told with numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import bpy
import pytest
from cures import plan, press
from small_scenes import add_camera, add_ground

Import = Callable[[str], ModuleType]


def add_dome(radius: float) -> bpy.types.Object:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=radius)
    bpy.context.object.name = "Sky"
    return bpy.context.object


def test_a_sky_and_a_ground_that_dwarf_the_rest_are_told_with_numbers(
    addon: Import, planned_scene: bpy.types.Scene
) -> None:
    add_dome(1000.0)
    add_ground(200.0)
    bpy.ops.hashlight.fit_bounds()
    words = plan(planned_scene)
    assert "Sky, Ground make what is captured 2000 m large, " in words
    assert " times as large as the rest (1.8 m, about 1 pixel of 48)" in words
    press(addon, planned_scene, "times as large", "Leave Out and Fit")
    bounds = addon("capture.bounds").read_bounds(planned_scene, bpy.context.evaluated_depsgraph_get())
    assert bounds.size.max() < 2.0
    assert planned_scene.hashlight.capture.plan_warnings == ""
    farthest = max(obj.matrix_world.translation.length for obj in addon("roles").objects_of(planned_scene, "camera"))
    assert farthest < 10.0, "cameras follow"


@pytest.mark.parametrize("has_ground", [True, False])
def test_a_sky_around_the_scene_camera_is_not_called_a_room(planned_scene: bpy.types.Scene, has_ground: bool) -> None:
    add_dome(1000.0)
    if has_ground:
        add_ground(200.0)
    add_camera(planned_scene, (0.4, -6.0, 2.0))
    bpy.context.view_layer.update()
    bpy.ops.hashlight.fit_bounds()
    (words,) = plan(planned_scene).splitlines()
    assert " times as large as the rest " in words and "room" not in words


@pytest.mark.parametrize(
    "kind", ["ground", "dome", "stray", "two strays", "instances", "hidden ground", "linked scale", "tiles"]
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
    elif kind == "tiles":
        places = [(x, y) for x in (-40.0, -20.0, 0.0, 20.0, 40.0) for y in (-20.0, 0.0, 20.0)]
        names = set()
        for number, (x, y) in enumerate(places):
            tile = add_ground(20.0)
            tile.name, tile.location.x, tile.location.y = f"Tile {number}", x, y
            names.add(tile.name)
    elif kind == "hidden ground":
        add_ground(60.0).hide_set(True)
    else:
        add_ground(1.0).scale = (80.0, 80.0, 1.0)
    bpy.context.view_layer.update()
    bpy.ops.hashlight.fit_bounds()
    words = plan(planned_scene)
    (line,) = [line for line in words.splitlines() if " times as large as the rest" in line]
    told = set(line.partition(" make")[0].partition(" and ")[0].split(", "))
    assert told == names or (len(names) > len(told) and told < names and f"and {len(names) - len(told)} more" in line)


@pytest.mark.parametrize(
    "kind", ["as it is", "bounds without it", "ten times", "many of all sizes", "six alike", "inside"]
)
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
    elif kind == "six alike":
        for obj in [obj for obj in planned_scene.objects if obj.type == "MESH"]:
            bpy.data.objects.remove(obj)
        for number in range(6):
            angle = number * math.pi / 3
            bpy.ops.mesh.primitive_cube_add(size=1.0, location=(12.0 * math.cos(angle), 12.0 * math.sin(angle), 0.5))
        bpy.ops.hashlight.fit_bounds()
    elif kind == "inside":
        bpy.ops.mesh.primitive_cube_add(size=60.0)
        planned_scene.hashlight.capture.rig = "INSIDE"
        bpy.ops.hashlight.fit_bounds()
    assert "times as large" not in plan(planned_scene)
