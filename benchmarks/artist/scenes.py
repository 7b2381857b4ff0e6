"""The six scenes, each built by script alone, with the layout of cameras that an artist would choose for it.

Needs ``bpy``; importing it changes nothing in Blender.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "still_life"))
import materials
import scene as still_life
import shapes
from nodes import ShaderGraph

from benchmarks.artist import meshes
from benchmarks.room_scene import FLOOR, build_room

Color = tuple[float, float, float]
PRODUCT = "Product"  # the collection that is captured apart from its backdrop
WALK_FRAMES = 24


@dataclasses.dataclass(frozen=True)
class ArtistScene:
    """``build`` makes it in place of the current scene's objects. ``rig``: the layout of cameras. ``collection``: what
    alone is captured, or everything. ``follows_camera``: the film is that of the scene camera, not a turntable."""

    build: Callable[[], bpy.types.Scene]
    rig: str = "HEMISPHERE"
    collection: str = ""
    follows_camera: bool = False


def build_product() -> bpy.types.Scene:
    """An enamelled coffee pot with a cup, on a paper sweep, before which a photographer would put it."""
    scene = still_life.build_stage()
    paper = ShaderGraph("Paper").surface((0.62, 0.60, 0.57), 0.9)
    shapes.add_object("Sweep", meshes.sweep("Sweep", 6.0, -3.0, 2.2, 0.8, 3.0), paper, (0.0, 0.0, 0.0))
    before = set(scene.objects)
    enamel = _speckled("Enamel", (0.03, 0.12, 0.16), (0.75, 0.74, 0.68), 34.0, roughness=0.18)
    pot = [(0.0, 0.0), (0.27, 0.0), (0.30, 0.03), (0.29, 0.20), (0.22, 0.52), (0.185, 0.62), (0.20, 0.65), (0.0, 0.65)]
    shapes.add_object("Pot", shapes.lathe("Pot", shapes.smooth_profile(pot)), enamel, (0.0, 0.0, 0.0))
    lid = [
        (0.0, 0.0),
        (0.205, 0.0),
        (0.20, 0.025),
        (0.10, 0.085),
        (0.025, 0.10),
        (0.02, 0.13),
        (0.05, 0.15),
        (0.05, 0.19),
    ]
    shapes.add_object(
        "Lid",
        shapes.lathe("Lid", [*lid, (0.05, 0.19), (0.0, 0.21)]),
        materials.painted_earthenware(),
        (0.0, 0.0, 0.655),
    )
    brass = materials.brushed_brass()
    meshes.add_tube(
        "Handle", [(0.22, 0.0, 0.58), (0.46, 0.0, 0.56), (0.48, 0.0, 0.30), (0.28, 0.0, 0.14)], 0.022, brass
    )
    meshes.add_tube(
        "Spout", [(-0.25, 0.0, 0.18), (-0.42, 0.0, 0.34), (-0.46, 0.0, 0.56), (-0.55, 0.0, 0.64)], 0.042, enamel
    )
    cup = [(0.0, 0.0), (0.09, 0.0), (0.14, 0.10), (0.15, 0.20), (0.138, 0.20), (0.12, 0.09), (0.0, 0.03)]
    shapes.add_object(
        "Cup",
        shapes.lathe("Cup", cup),
        _speckled("Cup", (0.62, 0.58, 0.50), (0.30, 0.10, 0.05), 40.0),
        (-0.28, -0.48, 0.0),
    )
    still_life.place_camera(scene.camera, azimuth=8.0, distance=2.3)
    collection = bpy.data.collections.new(PRODUCT)
    scene.collection.children.link(collection)
    for thing in set(scene.objects) - before:
        collection.objects.link(thing)
        scene.collection.objects.unlink(thing)
    return _finish(scene)


def build_room_from_inside() -> bpy.types.Scene:
    """The furnished room of ``benchmarks/room_scene.py``; its camera stands inside and looks round."""
    scene = build_room()
    data = bpy.data.cameras.new("Camera")
    data.angle = math.radians(70.0)
    camera = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.location = (-1.9, -1.7, FLOOR + 1.55)
    for frame, degrees in ((1, -70.0), (WALK_FRAMES, 0.0)):
        camera.rotation_euler = (math.radians(80.0), 0.0, math.radians(degrees))
        camera.keyframe_insert("rotation_euler", frame=frame)
    return _finish(scene)


def build_plant() -> bpy.types.Scene:
    """A pot of grass, a leafy twig in a vase and a ball of fur: blades, leaves and hairs of about a pixel's width."""
    scene = still_life.build_stage()
    _add_board()
    clay = materials.plaster("Clay", (0.50, 0.20, 0.09))
    pot = [(0.0, 0.0), (0.16, 0.0), (0.22, 0.28), (0.24, 0.28), (0.24, 0.33), (0.21, 0.33), (0.20, 0.28), (0.0, 0.27)]
    where = (-0.28, 0.05, still_life.BOARD_TOP)
    shapes.add_object("Pot", shapes.lathe("Pot", pot), clay, where)
    green = ShaderGraph("Grass")
    color = green.ramp(green.noise(green.position(), 9.0), (0.3, (0.05, 0.16, 0.02)), (0.7, (0.24, 0.42, 0.07)))
    blades = meshes.grass("Grass", 260, 0.19, 0.55, 0.014, seed=1)
    shapes.add_object("Grass", blades, green.surface(color, 0.6), (where[0], where[1], where[2] + 0.27))
    vase = [(0.0, 0.0), (0.07, 0.0), (0.13, 0.10), (0.10, 0.26), (0.05, 0.34), (0.065, 0.38), (0.05, 0.38), (0.0, 0.30)]
    glaze = materials.painted_earthenware()
    shapes.add_object(
        "Vase", shapes.lathe("Vase", shapes.smooth_profile(vase)), glaze, (0.38, 0.30, still_life.BOARD_TOP)
    )
    for turn in range(3):
        twig = shapes.sprig("Twig", 0.55 - 0.05 * turn, (0.20, 0.03), pairs=6, leaf_size=0.12)
        place = (0.38, 0.30, still_life.BOARD_TOP + 0.32)
        shapes.add_object("Twig", twig, materials.leaf(), place).rotation_euler.z = 0.4 + 2.1 * turn
    ball = [(0.15 * math.sin(a), -0.15 * math.cos(a)) for a in (math.pi * i / 16 for i in range(17))]
    brown = ShaderGraph("Fur").surface((0.35, 0.18, 0.07), 0.7)
    place = (0.30, -0.32, still_life.BOARD_TOP + 0.22)
    shapes.add_object("Ball", shapes.lathe("Ball", ball, 48), brown, place)
    meshes.add_fur("Fur", 0.15, 2500, 0.10, 0.004, brown, seed=2).location = place
    return _finish(scene)


def build_glass() -> bpy.types.Scene:
    """A clear glass, a glass ball, a mirror and a patterned cube that both show."""
    scene = still_life.build_stage()
    scene.cycles.max_bounces = 8
    _add_board()
    top = still_life.BOARD_TOP
    glass = ShaderGraph("Glass")
    inputs = {"Base Color": (0.96, 0.99, 0.98), "Roughness": 0.0, "IOR": 1.45, "Transmission Weight": 1.0}
    shader = glass._add("ShaderNodeBsdfPrincipled", inputs)
    glass._add("ShaderNodeOutputMaterial", {0: shader.outputs[0]})
    goblet = [(0.0, 0.0), (0.13, 0.0), (0.13, 0.01), (0.02, 0.03), (0.016, 0.22), (0.06, 0.27), (0.135, 0.36)]
    goblet += [(0.14, 0.48), (0.12, 0.60), (0.112, 0.60), (0.13, 0.48), (0.125, 0.365), (0.05, 0.285), (0.0, 0.275)]
    shapes.add_object("Goblet", shapes.lathe("Goblet", goblet), glass.material, (-0.36, -0.22, top))
    ball = [(0.15 * math.sin(a), 0.15 - 0.15 * math.cos(a)) for a in (math.pi * i / 32 for i in range(33))]
    shapes.add_object("Glass ball", shapes.lathe("Glass ball", ball), glass.material, (0.10, -0.48, top))
    silver = ShaderGraph("Mirror").surface((0.92, 0.93, 0.94), 0.0, metallic=1.0)
    plate = [(0.0, 0.0), (0.36, 0.0), (0.36, 0.02), (0.0, 0.02)]
    rim = [(0.355, -0.02), (0.41, -0.02), (0.41, 0.045), (0.355, 0.045)]
    tilt, place = math.radians(80.0), (0.0, 0.42, top + 0.415)
    for name, profile, material in (("Mirror", plate, silver), ("Frame", [*rim, rim[0]], materials.walnut())):
        shapes.add_object(name, shapes.lathe(name, profile), material, place).rotation_euler.x = tilt
    bpy.ops.mesh.primitive_cube_add(size=0.30, location=(0.42, -0.08, top + 0.15), rotation=(0.0, 0.0, 0.5))
    bpy.context.object.data.materials.append(_checked("Blocks"))
    orange = materials.fruit_skin("Orange skin", (0.66, 0.150, 0.012), (0.80, 0.285, 0.030))
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.10, segments=48, ring_count=24, location=(-0.08, 0.05, top + 0.10))
    bpy.context.object.data.materials.append(orange)
    bpy.context.object.data.shade_smooth()
    return _finish(scene)


def build_walk() -> bpy.types.Scene:
    """A figure that walks on the spot, keyed over 24 frames, on a paved disk."""
    scene = still_life.build_stage()
    scene.frame_start, scene.frame_end = 1, WALK_FRAMES
    still_life.place_camera(scene.camera, azimuth=8.0, distance=4.2)
    stone = materials.plaster("Stone", (0.34, 0.33, 0.31))
    disk = [(0.0, 0.0), (0.44, 0.0), (0.46, 0.02), (0.46, 0.05), (0.0, 0.05)]
    shapes.add_object("Stone", shapes.lathe("Stone", disk), stone, (0.0, 0.0, 0.0))
    shirt, jeans = _checked("Shirt", 9.0), _speckled("Jeans", (0.05, 0.09, 0.20), (0.14, 0.20, 0.34), 60.0)
    skin = materials.fruit_skin("Skin", (0.50, 0.25, 0.16), (0.58, 0.30, 0.20))
    hip = bpy.data.objects.new("Hip", None)
    scene.collection.objects.link(hip)
    hip.location = (0.0, 0.0, 0.62)
    chest = _add_part(hip, "Chest", meshes.limb("Chest", 0.28, 0.13, 0.11), shirt, (0.0, 0.0, 0.36))
    chest.scale.y = 0.75
    _add_part(hip, "Head", meshes.limb("Head", 0.05, 0.105, 0.09), skin, (0.0, -0.01, 0.66))
    _add_part(hip, "Hair", meshes.limb("Hair", 0.01, 0.108, 0.09), jeans, (0.0, 0.02, 0.685))
    for side, offset in ((-1, 0.0), (1, math.pi)):
        leg = _add_part(hip, "Thigh", meshes.limb("Thigh", 0.24, 0.075, 0.06), jeans, (0.075 * side, 0.0, 0.02))
        shin = _add_part(leg, "Shin", meshes.limb("Shin", 0.24, 0.055, 0.045), jeans, (0.0, 0.0, -0.26))
        _add_part(
            shin, "Shoe", meshes.limb("Shoe", 0.10, 0.045, 0.04), stone, (0.0, 0.02, -0.27)
        ).rotation_euler.x = -1.5
        arm = _add_part(hip, "Arm", meshes.limb("Arm", 0.20, 0.05, 0.045), shirt, (0.17 * side, 0.0, 0.40))
        fore = _add_part(arm, "Forearm", meshes.limb("Forearm", 0.20, 0.04, 0.035), skin, (0.0, 0.0, -0.22))
        for frame in range(1, WALK_FRAMES + 2, 3):
            phase = math.tau * (frame - 1) / WALK_FRAMES + offset + 0.8
            angles = {
                leg: 0.5 * math.sin(phase),
                shin: 0.45 - 0.45 * math.cos(phase - 0.9),
                arm: -0.45 * math.sin(phase),
            }
            for part, angle in (angles | {fore: -0.5}).items():
                part.rotation_euler.x = angle
                part.keyframe_insert("rotation_euler", frame=frame)
    return _finish(scene)


SCENES: dict[str, ArtistScene] = {
    "product on sweep": ArtistScene(build_product, collection=PRODUCT),
    "room from inside": ArtistScene(build_room_from_inside, rig="INSIDE", follows_camera=True),
    "plant and hair": ArtistScene(build_plant),
    "glass and mirror": ArtistScene(build_glass),
    "walk cycle": ArtistScene(build_walk),
    "demo": ArtistScene(still_life.build_scene),
}


def _finish(scene: bpy.types.Scene) -> bpy.types.Scene:
    bpy.context.view_layer.update()
    return scene


def _add_board() -> None:
    disk = [(0.0, 0.0), (0.74, 0.0), (0.76, 0.02), (0.76, still_life.BOARD_TOP), (0.0, still_life.BOARD_TOP)]
    shapes.add_object("Board", shapes.lathe("Board", disk), materials.walnut(), (0.0, 0.0, 0.0))


def _add_part(
    parent: bpy.types.Object, name: str, mesh: bpy.types.Mesh, material: bpy.types.Material, joint: Color
) -> bpy.types.Object:
    part = shapes.add_object(name, mesh, material, Vector(joint))
    part.parent = parent
    return part


def _speckled(name: str, ground: Color, specks: Color, scale: float, roughness: float = 0.5) -> bpy.types.Material:
    g = ShaderGraph(name)
    spots = g.noise(g.position(), scale, detail=1.0)
    return g.surface(g.ramp(spots, (0.60, ground), (0.66, specks)), roughness)


def _checked(name: str, scale: float = 14.0) -> bpy.types.Material:
    g = ShaderGraph(name)
    colors = {"Color1": (0.62, 0.12, 0.07, 1.0), "Color2": (0.72, 0.66, 0.52, 1.0)}
    squares = g._add("ShaderNodeTexChecker", {"Vector": g.position(), "Scale": scale} | colors)
    return g.surface(squares.outputs[0], 0.55)
