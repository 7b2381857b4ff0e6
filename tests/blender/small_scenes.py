"""Scenes for tests of layouts and of what a plan is warned of: a room, a product on a sweep."""

from __future__ import annotations

import bpy
import numpy as np

ROOM = (6.0, 4.0, 2.7)  # metres


def clear(scene: bpy.types.Scene) -> None:
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)


def add_box(name: str, low: tuple[float, float, float], high: tuple[float, float, float]) -> bpy.types.Object:
    """A box of six faces between two corners."""
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=middle)
    box = bpy.context.object
    box.name, box.scale = name, [b - a for a, b in zip(low, high, strict=True)]
    return box


def add_camera(scene: bpy.types.Scene, position: tuple[float, float, float]) -> bpy.types.Object:
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = position, (np.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def add_sun(scene: bpy.types.Scene) -> None:
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    lamp.rotation_euler = (0.6, 0.3, 0.0)
    scene.collection.objects.link(lamp)


def furnish_room(scene: bpy.types.Scene) -> None:
    """A closed room with thick walls, a table and a cupboard, a camera in it and a sun; nothing else in the scene."""
    clear(scene)
    x, y, z = ROOM
    walls = add_box("Walls", (0.0, 0.0, 0.0), (x, y, z))
    solidify = walls.modifiers.new("Solidify", "SOLIDIFY")
    solidify.thickness, solidify.offset = 0.2, 1.0
    add_box("Table", (2.0, 1.5, 0.0), (3.5, 2.5, 0.75))
    add_box("Cupboard", (5.3, 0.0, 0.0), (6.0, 2.0, 2.2))
    add_sun(scene)
    add_camera(scene, (1.0, 0.8, 1.6))
    bpy.context.view_layer.update()


def open_window(scene: bpy.types.Scene) -> None:
    """A window through a wall of the furnished room, and a lawn that is seen through it."""
    x, y, _ = ROOM
    opening = add_box("Opening", (x - 0.5, 2.4, 0.9), (x + 0.5, 3.6, 2.1))
    opening.hide_render = True
    cut = bpy.data.objects["Walls"].modifiers.new("Window", "BOOLEAN")
    cut.operation, cut.object = "DIFFERENCE", opening
    add_box("Lawn", (x + 2.0, -4.0, -1.0), (x + 2.1, y + 4.0, 6.0))
    bpy.context.view_layer.update()


def set_up_product(scene: bpy.types.Scene) -> None:
    """A ball on a sweep that goes up behind it, with a sun and a camera before it; Cycles at one sample, 32x32."""
    clear(scene)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=(0.0, 0.0, 0.5))
    bpy.context.object.name = "Ball"
    sweep = bpy.data.meshes.new("Sweep")
    corners = [(x, y, z) for y, z in ((-4.0, 0.0), (2.0, 0.0), (2.0, 4.0)) for x in (-4.0, 4.0)]
    sweep.from_pydata(corners, [], [(0, 1, 3, 2), (2, 3, 5, 4)])
    scene.collection.objects.link(bpy.data.objects.new("Sweep", sweep))
    add_sun(scene)
    add_camera(scene, (0.0, -5.0, 1.0))
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.cycles.use_denoising = False
    capture = scene.hashlight.capture
    capture.resolution_x = capture.resolution_y = 32
    bpy.context.view_layer.update()


def new_material(name: str, **inputs: object) -> bpy.types.Material:
    """One with a Principled BSDF of these inputs, by their names with underscores for blanks."""
    material = bpy.data.materials.new(name)
    if material.node_tree is None:  # Blender before 5.0
        material.use_nodes = True
    for identifier, value in inputs.items():
        material.node_tree.nodes["Principled BSDF"].inputs[identifier.replace("_", " ")].default_value = value
    return material


def add_material(obj: str, name: str, **inputs: object) -> bpy.types.Material:
    """Have the object be of a new material alone."""
    material = new_material(name, **inputs)
    data = bpy.data.objects[obj].data
    data.materials.clear()
    data.materials.append(material)
    return material


def add_ground(size: float) -> bpy.types.Object:
    """A square as the ground, a little below 0."""
    bpy.ops.mesh.primitive_plane_add(size=size, location=(0.0, 0.0, -0.01))
    bpy.context.object.name = "Ground"
    return bpy.context.object


def slide(obj: bpy.types.Object) -> None:
    """Have ``obj`` move a little in 20 frames."""
    for frame, x in ((1, 0.0), (20, 0.1)):
        obj.location.x = x
        obj.keyframe_insert("location", index=0, frame=frame)


def new_world(strength: float) -> bpy.types.World:
    """A grey one of this strength."""
    world = bpy.data.worlds.new("World")
    if world.node_tree is None:
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = strength
    return world
