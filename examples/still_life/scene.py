"""A still life for the demo, built by script alone: no files, no downloads.

Suzanne in teal glaze on a fluted plinth, a painted vase with eucalyptus, a basket of fruit, a brass ball and a plaster
arch, on a round walnut board under soft light. The subject is finite: around the board the film stays transparent.

Run by itself, ``python scene.py OUT.png [AZIMUTH_DEGREES]`` renders one picture of it.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bpy
import materials
import shapes
from mathutils import Vector

AIM = Vector((0.0, 0.0, 0.50))
HEIGHT = 1.23  # of the whole, the tip of the highest twig
CAMERA_DISTANCE = 3.15
BOARD_RADIUS = 0.86
BOARD_TOP = 0.07


def build_scene() -> bpy.types.Scene:
    """Replace the current scene's objects by the still life, lit, with its camera and render settings."""
    scene = build_stage()
    _add_board()
    _add_hero()
    _add_arch()
    _add_vase()
    _add_basket()
    _add_small_things()
    bpy.context.view_layer.update()
    return scene


def build_stage() -> bpy.types.Scene:
    """Replace the current scene's objects by lights, a camera and render settings, with nothing to see yet."""
    scene = bpy.context.scene
    for thing in list(scene.objects):
        bpy.data.objects.remove(thing)
    _add_lights(scene)
    _add_camera(scene)
    _set_rendering(scene)
    return scene


def _on_board(x: float, y: float, lift: float = 0.0) -> tuple[float, float, float]:
    return (x, y, BOARD_TOP + lift)


def _bevel(thing: bpy.types.Object, width: float) -> None:
    modifier = thing.modifiers.new("Bevel", "BEVEL")
    modifier.width, modifier.segments, modifier.limit_method = width, 3, "ANGLE"


def _add_board() -> None:
    r, top = BOARD_RADIUS, BOARD_TOP
    profile = [(0.0, 0.0), (r - 0.05, 0.0), (r - 0.02, 0.008), (r, 0.030), (r, top - 0.018), (r - 0.006, top - 0.006)]
    profile += [(r - 0.018, top), (0.0, top)]
    shapes.add_object("Board", shapes.lathe("Board", profile, 128), materials.walnut(), (0, 0, 0))


def _add_hero() -> None:
    stand = [(0.0, 0.0), (0.265, 0.0), (0.265, 0.035), (0.225, 0.040), (0.222, 0.285), (0.255, 0.292), (0.262, 0.330)]
    stand += [(0.250, 0.340), (0.0, 0.340)]

    def flutes(angle: float, height: float) -> float:
        return 1.0 - 0.10 * abs(math.sin(10 * angle)) * (0.040 < height < 0.290)

    mesh = shapes.lathe("Plinth", stand, 240, flutes)
    shapes.add_object("Plinth", mesh, materials.plaster("Lime plaster", (0.66, 0.58, 0.47)), _on_board(-0.02, 0.06))
    bpy.ops.mesh.primitive_monkey_add(size=0.74)
    suzanne = bpy.context.object
    suzanne.name = "Suzanne"
    suzanne.location = _on_board(-0.02, 0.06, 0.34 + 0.40)
    suzanne.rotation_euler = (math.radians(-12), 0.0, math.radians(14))
    suzanne.data.materials.append(materials.glazed_ceramic())
    suzanne.data.shade_smooth()
    modifier = suzanne.modifiers.new("Subdivision", "SUBSURF")
    modifier.levels = modifier.render_levels = 2
    mount = [(0.0, 0.0), (0.115, 0.0), (0.115, 0.016), (0.036, 0.026), (0.026, 0.050), (0.026, 0.30), (0.0, 0.30)]
    brass = materials.brushed_brass()
    shapes.add_object("Mount", shapes.lathe("Mount", mount, 48), brass, _on_board(-0.02, 0.10, 0.34))


def _add_arch() -> None:
    mesh = shapes.arch("Arch", width=0.46, height=0.80, depth=0.17, thickness=0.115)
    coral = materials.plaster("Coral plaster", (0.58, 0.175, 0.105))
    arch = shapes.add_object("Arch", mesh, coral, _on_board(-0.44, 0.42))
    arch.rotation_euler.z = math.radians(38)
    _bevel(arch, 0.012)


def _add_vase() -> None:
    outside = [(0.0, 0.0), (0.095, 0.0), (0.125, 0.02), (0.185, 0.12), (0.200, 0.22), (0.170, 0.34), (0.095, 0.44)]
    outside += [(0.068, 0.50), (0.078, 0.555), (0.095, 0.575)]
    inside = [(0.080, 0.570), (0.058, 0.50), (0.0, 0.47)]
    profile = shapes.smooth_profile(outside + inside)
    where = (0.47, 0.36)
    shapes.add_object("Vase", shapes.lathe("Vase", profile), materials.painted_earthenware(), _on_board(*where))
    green = materials.leaf()
    twigs = [(0.62, (0.16, 0.02), 0.3), (0.54, (0.20, 0.05), 2.5), (0.50, (0.17, -0.03), 4.5)]
    for index, (height, lean, turn) in enumerate(twigs):
        mesh = shapes.sprig(f"Sprig {index + 1}", height, lean, pairs=5, leaf_size=0.135)
        twig = shapes.add_object(f"Sprig {index + 1}", mesh, green, _on_board(*where, 0.47))
        twig.rotation_euler.z = turn


def _add_basket() -> None:
    wall = [(0.0, 0.0), (0.13, 0.0), (0.165, 0.015), (0.215, 0.09), (0.235, 0.165), (0.240, 0.185)]
    inner = [(0.222, 0.185), (0.205, 0.10), (0.155, 0.03), (0.0, 0.02)]
    where = (0.40, -0.36)
    mesh = shapes.lathe("Basket", shapes.smooth_profile(wall + inner))
    shapes.add_object("Basket", mesh, materials.woven_cane(), _on_board(*where))
    orange = materials.fruit_skin("Orange skin", (0.66, 0.150, 0.012), (0.80, 0.285, 0.030))
    plum = materials.fruit_skin("Plum skin", (0.100, 0.012, 0.045), (0.260, 0.045, 0.060))
    lemon = materials.fruit_skin("Lemon skin", (0.80, 0.52, 0.045), (0.66, 0.56, 0.080))
    _add_fruit("Orange 1", orange, (where[0] - 0.08, where[1] - 0.07, 0.15), 0.105)
    _add_fruit("Orange 2", orange, (where[0] + 0.09, where[1] + 0.07, 0.15), 0.100)
    _add_fruit("Plum", plum, (where[0] + 0.09, where[1] - 0.09, 0.14), 0.080)
    _add_fruit("Lemon", lemon, (where[0] - 0.06, where[1] + 0.09, 0.16), 0.080, stretch=1.35)
    _add_fruit("Orange 3", orange, (-0.02, -0.55, 0.100), 0.100)
    _add_fruit("Lemon 2", lemon, (0.17, -0.66, 0.075), 0.075, stretch=1.35)


def _add_fruit(
    name: str, skin: bpy.types.Material, place: tuple[float, float, float], radius: float, stretch: float = 0.94
) -> None:
    """A fruit of ``radius`` metres, its own axis ``stretch`` times as long; the z of ``place`` is above the board."""
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0, segments=48, ring_count=24)
    fruit = bpy.context.object
    fruit.name = name
    fruit.scale = (radius, radius, radius * stretch)
    fruit.location = _on_board(place[0], place[1], place[2])
    if stretch > 1:  # a lemon lies on its side
        fruit.rotation_euler = (math.radians(82), 0.0, math.radians(40))
    fruit.data.materials.append(skin)
    fruit.data.shade_smooth()


def _add_small_things() -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(
        radius=0.155, segments=64, ring_count=32, location=_on_board(-0.47, -0.34, 0.155)
    )
    ball = bpy.context.object
    ball.name = "Brass ball"
    ball.data.materials.append(materials.hammered_brass())
    ball.data.shade_smooth()


def _add_lights(scene: bpy.types.Scene) -> None:
    _add_area_light("Key", (-2.6, -2.2, 3.2), 2.6, 190.0, (1.0, 0.90, 0.78))
    _add_area_light("Fill", (3.0, -1.4, 1.8), 3.0, 60.0, (0.78, 0.88, 1.0))
    _add_area_light("Rim", (1.0, 3.2, 2.6), 2.2, 130.0, (1.0, 0.93, 0.86))
    world = scene.world or bpy.data.worlds.new("World")
    scene.world = world
    if world.node_tree is None:
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.75, 0.85, 1.0, 1.0)
    background.inputs["Strength"].default_value = 0.28


def _add_area_light(
    name: str, place: tuple[float, float, float], size: float, watts: float, color: tuple[float, float, float]
) -> None:
    light = bpy.data.lights.new(name, "AREA")
    light.shape, light.size, light.energy, light.color = "DISK", size, watts, color
    lamp = bpy.data.objects.new(name, light)
    lamp.location = place
    lamp.rotation_euler = (AIM - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(lamp)


def _add_camera(scene: bpy.types.Scene) -> None:
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width = 60.0, 36.0
    camera = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    place_camera(camera, azimuth=8.0)


def place_camera(
    camera: bpy.types.Object, azimuth: float, elevation: float = 21.0, distance: float = CAMERA_DISTANCE
) -> None:
    """Stand ``camera`` on a sphere round the still life, looking at its middle; degrees, 0 is the front (-Y)."""
    a, e = math.radians(azimuth - 90.0), math.radians(elevation)
    way = Vector((math.cos(a) * math.cos(e), math.sin(a) * math.cos(e), math.sin(e)))
    camera.location = AIM + way * distance
    camera.rotation_euler = (-way).to_track_quat("-Z", "Y").to_euler()


def _set_rendering(scene: bpy.types.Scene) -> None:
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = 640, 640, 100
    render.film_transparent = True
    render.use_persistent_data = True
    cycles.device = "CPU"
    cycles.samples = 16
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = 0.03
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 4, 3, 2
    cycles.sample_clamp_indirect = 4.0
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    try:
        cycles.denoiser = "OPENIMAGEDENOISE"
    except TypeError:  # Debian's Blender is built without
        cycles.use_denoising = False
        return
    cycles.use_denoising = True
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.denoising_quality = "BALANCED"


def _render_one(path: Path, azimuth: float) -> None:
    scene = build_scene()
    place_camera(scene.camera, azimuth)
    scene.render.filepath = str(path.resolve())
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    _render_one(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 8.0)
