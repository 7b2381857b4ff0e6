"""Six small scenes, built in Blender by script: a furnace, a Cornell box, glossy, textured and environment-lit things,
and a room that gets its light through a window."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import bpy
import numpy as np


def build_furnace(scene: bpy.types.Scene) -> None:
    """Balls of eight materials in even light, which show what each of them loses."""
    _world(scene, (0.5, 0.5, 0.5))
    kinds: list[dict[str, Any]] = [
        {"color": (0.8, 0.8, 0.8), "roughness": 0.5},
        {"color": (0.9, 0.5, 0.2), "roughness": 0.2},
        {"color": (0.2, 0.3, 0.9), "roughness": 1.0},
        {"color": (1.0, 1.0, 1.0), "roughness": 0.3, "specular": 1.0},
        {"color": (1.0, 0.8, 0.3), "roughness": 0.2, "metallic": 1.0},
        {"color": (0.9, 0.9, 0.9), "roughness": 0.9, "metallic": 1.0},
        {"color": (1.0, 1.0, 1.0), "roughness": 0.4, "transmission": 1.0},
        {"color": (0.7, 0.9, 1.0), "roughness": 0.1, "transmission": 1.0, "ior": 1.33},
    ]
    for number, kind in enumerate(kinds):
        _ball(f"Ball {number}", (number % 4 * 2.2 - 3.3, number // 4 * -2.4 + 1.2, 0.0), 1.0, _material(**kind))
    _camera(scene, (0.0, 0.0, 20.0), (0.0, 0.0, 0.0), 0.5)


def build_cornell_box(scene: bpy.types.Scene) -> None:
    """An open box with two coloured walls, two blocks and a lamp under the ceiling."""
    white = _material(color=(0.73, 0.73, 0.73), specular=0.0, roughness=1.0)
    red = _material(color=(0.65, 0.05, 0.05), specular=0.0, roughness=1.0)
    green = _material(color=(0.12, 0.45, 0.15), specular=0.0, roughness=1.0)
    _plane("Floor", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 2.0, white)
    _plane("Ceiling", (0.0, 0.0, 2.0), (math.pi, 0.0, 0.0), 2.0, white)
    _plane("Back", (0.0, 1.0, 1.0), (math.pi / 2, 0.0, 0.0), 2.0, white)
    _plane("Left", (-1.0, 0.0, 1.0), (0.0, math.pi / 2, 0.0), 2.0, red)
    _plane("Right", (1.0, 0.0, 1.0), (0.0, -math.pi / 2, 0.0), 2.0, green)
    _box("Tall", (-0.35, 0.3, 0.6), (0.6, 0.6, 1.2), 0.3, white)
    _box("Low", (0.35, -0.3, 0.3), (0.6, 0.6, 0.6), -0.3, white)
    _area(scene, (0.0, 0.0, 1.98), (0.0, 0.0, 0.0), 0.5, 30.0)
    _world(scene, (0.0, 0.0, 0.0))
    _camera(scene, (0.0, -4.2, 1.0), (0.0, 0.0, 1.0), 0.55)


def build_glossy(scene: bpy.types.Scene) -> None:
    """Metal and lacquer of several roughnesses on a floor that shines, with a lamp, a ball of light and a little
    sky."""
    _plane("Floor", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 12.0, _material(color=(0.3, 0.3, 0.35), roughness=0.15))
    for number, roughness in enumerate((0.05, 0.2, 0.5)):
        metal = _material(color=(0.95, 0.7, 0.4), roughness=roughness, metallic=1.0)
        _ball(f"Metal {number}", (number * 1.4 - 1.4, 0.6, 0.6), 0.6, metal)
        lacquer = _material(color=(0.6, 0.05, 0.08), roughness=roughness)
        _ball(f"Lacquer {number}", (number * 1.2 - 1.2, -0.8, 0.4), 0.4, lacquer)
    _area(scene, (-2.0, -2.0, 3.5), (0.5, -0.5, 0.0), 1.5, 200.0)
    _point(scene, (2.0, -1.5, 2.0), 0.3, 80.0)
    _world(scene, (0.05, 0.07, 0.1))
    _camera(scene, (0.0, -5.5, 2.2), (0.0, 0.0, 0.4), 0.6)


def build_textured(scene: bpy.types.Scene) -> None:
    """Textures of colour and of roughness under a sun."""
    generator = np.random.default_rng(1)
    colors = generator.uniform(0.1, 0.9, (8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    _plane("Floor", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 6.0, _textured(colors, 0.6))
    stripes = np.full((4, 32, 3), 0.2)
    stripes[:, ::2] = 0.7
    material = _textured(generator.uniform(0.2, 0.9, (4, 4, 3)).repeat(16, axis=0).repeat(16, axis=1), 0.5)
    _link_image(material, "Roughness", stripes, is_color=False)
    _box("Block", (-0.9, 0.2, 0.6), (1.2, 1.2, 1.2), 0.5, material)
    _ball("Ball", (0.9, -0.1, 0.7), 0.7, material)
    _sun(scene, (0.6, 0.3, 0.5), 3.0, 0.05)
    _world(scene, (0.2, 0.25, 0.3))
    _camera(scene, (0.0, -4.5, 2.5), (0.0, 0.0, 0.5), 0.6)


def build_environment_lit(scene: bpy.types.Scene) -> None:
    """Matt, glossy and glass things in a sky with a bright spot."""
    rows, columns = np.mgrid[0:32, 0:64]
    sky = np.empty((32, 64, 3))
    up = np.cos(math.pi * (rows + 0.5) / 32)
    sky[...] = np.where(up[..., None] > 0.0, (0.3, 0.5, 0.9), (0.25, 0.2, 0.15))
    sky[6:9, 10:14] = (60.0, 50.0, 35.0)
    sky *= (1.0 + 0.3 * np.sin(columns / 5.0))[..., None]
    image = _image("Sky", sky, is_float=True)
    _world(scene, (0.0, 0.0, 0.0))
    tree = scene.world.node_tree
    node = tree.nodes.new("ShaderNodeTexEnvironment")
    node.image = image
    background = tree.nodes["Background"]
    tree.links.new(node.outputs["Color"], background.inputs["Color"])
    _plane("Floor", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 8.0, _material(color=(0.5, 0.5, 0.5), roughness=0.7))
    _ball("Matt", (-1.3, 0.0, 0.6), 0.6, _material(color=(0.8, 0.3, 0.2), roughness=0.8))
    _ball("Metal", (0.0, 0.3, 0.6), 0.6, _material(color=(0.9, 0.9, 0.9), roughness=0.25, metallic=1.0))
    _ball("Glass", (1.3, 0.0, 0.6), 0.6, _material(color=(1.0, 1.0, 1.0), roughness=0.25, transmission=1.0))
    _camera(scene, (0.0, -5.0, 1.6), (0.0, 0.0, 0.5), 0.5)


def build_interior(scene: bpy.types.Scene) -> None:
    """A room that a sky lights through one window."""
    white = _material(color=(0.75, 0.73, 0.7), roughness=0.8)
    wood = _material(color=(0.45, 0.28, 0.15), roughness=0.4)
    _plane("Floor", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 4.0, wood)
    _plane("Ceiling", (0.0, 0.0, 2.5), (math.pi, 0.0, 0.0), 4.0, white)
    _plane("Back", (0.0, 2.0, 2.0), (math.pi / 2, 0.0, 0.0), 4.0, white)
    _plane("Front", (0.0, -2.0, 2.0), (-math.pi / 2, 0.0, 0.0), 4.0, white)
    _plane("Right", (2.0, 0.0, 2.0), (0.0, -math.pi / 2, 0.0), 4.0, white)
    # Around a window of 1.6 by 1.5 in the left wall.
    _box("Below", (-2.05, 0.0, 0.35), (0.1, 4.0, 0.7), 0.0, white)
    _box("Above", (-2.05, 0.0, 2.35), (0.1, 4.0, 0.3), 0.0, white)
    _box("Before", (-2.05, -1.4, 1.45), (0.1, 1.2, 1.5), 0.0, white)
    _box("Behind", (-2.05, 1.4, 1.45), (0.1, 1.2, 1.5), 0.0, white)
    _box("Table", (0.6, 0.5, 0.4), (1.2, 0.8, 0.8), 0.2, wood)
    _ball("Bowl", (0.6, 0.5, 1.0), 0.2, _material(color=(0.9, 0.6, 0.3), roughness=0.3, metallic=1.0))
    _world(scene, (2.0, 2.4, 3.0))
    _camera(scene, (1.2, -1.8, 1.5), (-0.3, 1.0, 1.0), 0.9)


SCENES: dict[str, Callable[[bpy.types.Scene], None]] = {
    "furnace": build_furnace,
    "cornell box": build_cornell_box,
    "glossy": build_glossy,
    "textured": build_textured,
    "environment-lit": build_environment_lit,
    "interior": build_interior,
}


def _material(
    color: tuple[float, float, float],
    roughness: float,
    metallic: float = 0.0,
    transmission: float = 0.0,
    ior: float = 1.5,
    specular: float = 0.5,
) -> bpy.types.Material:
    material = bpy.data.materials.new("Material")
    material.use_nodes = True
    inputs = _principled(material).inputs
    inputs["Base Color"].default_value = (*color, 1.0)
    values = {
        "Roughness": roughness,
        "Metallic": metallic,
        "Transmission Weight": transmission,
        "IOR": ior,
        "Specular IOR Level": specular,
    }
    for name, value in values.items():
        inputs[name].default_value = value
    return material


def _principled(material: bpy.types.Material) -> bpy.types.Node:
    return next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")


def _textured(colors: np.ndarray, roughness: float) -> bpy.types.Material:
    material = _material(color=(1.0, 1.0, 1.0), roughness=roughness)
    _link_image(material, "Base Color", colors, is_color=True)
    return material


def _link_image(material: bpy.types.Material, socket: str, pixels: np.ndarray, is_color: bool) -> None:
    tree = material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = _image(socket, pixels, is_float=False)
    if not is_color:
        node.image.colorspace_settings.name = "Non-Color"
    tree.links.new(node.outputs["Color"], _principled(material).inputs[socket])


def _image(name: str, pixels: np.ndarray, is_float: bool) -> bpy.types.Image:
    height, width, _ = pixels.shape
    image = bpy.data.images.new(name, width, height, float_buffer=is_float)
    values = np.ones((height, width, 4), np.float32)
    values[..., :3] = pixels[::-1]
    image.pixels.foreach_set(values.reshape(-1))
    image.pack()
    return image


def _world(scene: bpy.types.Scene, color: tuple[float, float, float]) -> None:
    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (*color, 1.0)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 1.0
    scene.world = world


def _give(obj: bpy.types.Object, name: str, material: bpy.types.Material) -> None:
    obj.name = name
    obj.data.materials.append(material)


def _ball(name: str, place: tuple[float, float, float], radius: float, material: bpy.types.Material) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(segments=96, ring_count=48, radius=radius, location=place)
    bpy.ops.object.shade_smooth()
    _give(bpy.context.object, name, material)


def _plane(
    name: str,
    place: tuple[float, float, float],
    turn: tuple[float, float, float],
    size: float,
    material: bpy.types.Material,
) -> None:
    bpy.ops.mesh.primitive_plane_add(size=size, location=place, rotation=turn)
    _give(bpy.context.object, name, material)


def _box(
    name: str,
    place: tuple[float, float, float],
    size: tuple[float, float, float],
    turn: float,
    material: bpy.types.Material,
) -> None:
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=place, rotation=(0.0, 0.0, turn))
    bpy.context.object.scale = size
    _give(bpy.context.object, name, material)


def _lamp(scene: bpy.types.Scene, kind: str, place: tuple[float, float, float], power: float) -> bpy.types.Object:
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", kind))
    lamp.data.energy = power
    lamp.location = place
    scene.collection.objects.link(lamp)
    return lamp


def _area(
    scene: bpy.types.Scene,
    place: tuple[float, float, float],
    turn: tuple[float, float, float],
    size: float,
    power: float,
) -> None:
    lamp = _lamp(scene, "AREA", place, power)
    lamp.rotation_euler, lamp.data.size = turn, size


def _point(scene: bpy.types.Scene, place: tuple[float, float, float], radius: float, power: float) -> None:
    _lamp(scene, "POINT", place, power).data.shadow_soft_size = radius


def _sun(scene: bpy.types.Scene, turn: tuple[float, float, float], strength: float, angle: float) -> None:
    lamp = _lamp(scene, "SUN", (0.0, 0.0, 5.0), strength)
    lamp.rotation_euler, lamp.data.angle = turn, angle


def _camera(
    scene: bpy.types.Scene, place: tuple[float, float, float], target: tuple[float, float, float], angle: float
) -> None:
    from mathutils import Vector

    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = place
    camera.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    camera.data.angle = angle
    scene.collection.objects.link(camera)
    scene.camera = camera
