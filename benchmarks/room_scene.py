"""A furnished room around the demo's still life, by script alone: what stands behind the subject of a phone capture.

The still life becomes the table; around it are a floor of planks with a rug, papered walls with pictures, a shelf of
books, a sofa, a window onto a garden. Everything has texture, so that every part of a picture can be judged.
"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples" / "still_life"))
import nodes
import scene as still_life
import shapes

AIM = still_life.AIM
HALF_X, HALF_Y, FLOOR, CEILING = 3.3, 3.0, -0.74, 1.95
Color = tuple[float, float, float]
Place = tuple[float, float, float]


def build_room() -> bpy.types.Scene:
    """Replace the current scene's objects by the still life in its room, lit, with Cycles set up for small pictures."""
    scene = still_life.build_scene()
    for thing in list(scene.objects):
        if thing.type in ("LIGHT", "CAMERA"):
            bpy.data.objects.remove(thing)
    shapes.add_object(
        "Pedestal",
        shapes.lathe(
            "Pedestal", [(0.0, FLOOR), (0.42, FLOOR), (0.40, FLOOR + 0.05), (0.09, FLOOR + 0.14), (0.09, 0.0)]
        ),
        nodes.ShaderGraph("Iron").surface((0.04, 0.04, 0.045), 0.5),
        (0.0, 0.0, 0.0),
    )
    _add_shell()
    _add_window()
    _add_books()
    _add_sofa()
    _add_pictures()
    _add_lights(scene)
    scene.render.film_transparent = False
    return scene


def _box(name: str, low: Place, high: Place, material: bpy.types.Material) -> bpy.types.Object:
    """An axis-aligned box. Its texture coordinates are metres from its centre."""
    half = [(b - a) / 2 for a, b in zip(low, high, strict=True)]
    corners = [(x, y, z) for x in (-half[0], half[0]) for y in (-half[1], half[1]) for z in (-half[2], half[2])]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    center = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    return shapes.add_object(name, mesh, material, center)


def _add_shell() -> None:
    x, y = HALF_X, HALF_Y
    _box("Floor", (-x, -y, FLOOR - 0.1), (x, y, FLOOR), _planks())
    _box("Ceiling", (-x, -y, CEILING), (x, y, CEILING + 0.1), _mottled("Ceiling", (0.72, 0.70, 0.66), 1.5))
    _box("Back wall", (-x, y, FLOOR), (x, y + 0.1, CEILING), _wallpaper("Green paper", (0.20, 0.30, 0.22)))
    _box("Front wall", (-x, -y - 0.1, FLOOR), (x, -y, CEILING), _wallpaper("Blue paper", (0.16, 0.22, 0.34)))
    _box("Right wall", (x, -y, FLOOR), (x + 0.1, y, CEILING), _wallpaper("Ochre paper", (0.45, 0.30, 0.13)))
    # The left wall leaves an opening for the window.
    brick = _bricks()
    _box("Left wall, below", (-x - 0.1, -y, FLOOR), (-x, y, 0.1), brick)
    _box("Left wall, above", (-x - 0.1, -y, 1.5), (-x, y, CEILING), brick)
    _box("Left wall, front", (-x - 0.1, -y, 0.1), (-x, -1.1, 1.5), brick)
    _box("Left wall, back", (-x - 0.1, 1.1, 0.1), (-x, y, 1.5), brick)
    _box("Rug", (-1.7, -1.4, FLOOR), (1.7, 1.4, FLOOR + 0.015), _rug())


def _add_window() -> None:
    white = _mottled("Window paint", (0.8, 0.8, 0.78), 8.0)
    for at in (-1.1, 0.0, 1.1):
        _box("Mullion", (-HALF_X - 0.06, at - 0.03, 0.1), (-HALF_X + 0.02, at + 0.03, 1.5), white)
    _box("Transom", (-HALF_X - 0.06, -1.1, 0.9), (-HALF_X + 0.02, 1.1, 0.95), white)
    _box("Sill", (-HALF_X - 0.1, -1.25, 0.06), (-HALF_X + 0.16, 1.25, 0.11), white)
    g = nodes.ShaderGraph("Garden")
    _, _, z = g.axes(g.position())
    sky = g.ramp(g.noise(g.position(), 0.7, detail=4.0), (0.40, (0.45, 0.65, 1.0)), (0.62, (1.0, 1.0, 1.0)))
    hedge = g.ramp(g.noise(g.position(), 3.0, detail=5.0), (0.3, (0.01, 0.05, 0.01)), (0.7, (0.20, 0.38, 0.06)))
    color = g.mix(g.math("GREATER_THAN", z, 0.2), hedge, sky)
    glow = g._add("ShaderNodeEmission", {"Color": color, "Strength": 1.3})
    g._add("ShaderNodeOutputMaterial", {0: glow.outputs[0]})
    _box("Garden", (-HALF_X - 4.0, -7.0, -2.5), (-HALF_X - 3.9, 7.0, 4.5), g.material)


def _add_books() -> None:
    wood = _mottled("Shelf oak", (0.33, 0.19, 0.08), 3.0)
    rng = random.Random(3)
    front, back = HALF_Y - 0.32, HALF_Y
    for level in range(5):
        z = FLOOR + 0.05 + 0.42 * level
        _box("Shelf", (-1.3, front, z - 0.03), (1.3, back, z), wood)
        x = -1.24
        while level < 4 and x < 1.15:
            width, height = rng.uniform(0.03, 0.09), rng.uniform(0.20, 0.36)
            color = tuple(rng.uniform(0.02, 0.55) for _ in range(3))
            if rng.random() < 0.9:
                _box("Book", (x, front + 0.04, z), (x + width, back - 0.05, z + height), _mottled("Book", color, 14.0))
            x += width + 0.004
    for x in (-1.33, 1.30):
        _box("Shelf side", (x, front, FLOOR), (x + 0.03, back, FLOOR + 1.75), wood)


def _add_sofa() -> None:
    cloth = _checks("Sofa cloth", (0.42, 0.10, 0.07), (0.55, 0.35, 0.20), 7.0)
    x = HALF_X - 0.15
    _box("Seat", (x - 0.85, -1.1, FLOOR + 0.12), (x, 1.1, FLOOR + 0.45), cloth)
    _box("Sofa back", (x - 0.22, -1.1, FLOOR + 0.45), (x, 1.1, FLOOR + 0.90), cloth)
    for y in (-1.25, 1.10):
        _box("Arm", (x - 0.85, y, FLOOR + 0.12), (x, y + 0.15, FLOOR + 0.65), cloth)
    for y, color in ((-0.75, (0.05, 0.25, 0.35)), (0.55, (0.60, 0.45, 0.08))):
        pillow = _box("Pillow", (x - 0.42, y - 0.2, FLOOR + 0.45), (x - 0.24, y + 0.2, FLOOR + 0.85), _cells(color))
        pillow.rotation_euler.y = 0.25
    _box(
        "Chest", (-1.2, -HALF_Y, FLOOR), (0.9, -HALF_Y + 0.45, FLOOR + 0.75), _mottled("Chest", (0.25, 0.12, 0.05), 2.5)
    )
    pot = [(0.0, 0.0), (0.11, 0.0), (0.16, 0.26), (0.14, 0.26), (0.0, 0.22)]
    clay = _mottled("Clay", (0.50, 0.20, 0.09), 9.0)
    green = _mottled("Leaves", (0.10, 0.30, 0.07), 6.0)
    for x, y, z in ((-2.6, 2.3, FLOOR), (-0.6, -HALF_Y + 0.22, FLOOR + 0.75), (2.5, -2.4, FLOOR)):
        shapes.add_object("Pot", shapes.lathe("Pot", pot), clay, (x, y, z))
        for turn in range(6):
            mesh = shapes.sprig("Plant", 0.55 + 0.05 * turn, (0.30, 0.02), pairs=6, leaf_size=0.2)
            shapes.add_object("Plant", mesh, green, (x, y, z + 0.2)).rotation_euler.z = turn * 1.05


def _add_pictures() -> None:
    frame = _mottled("Frame", (0.30, 0.20, 0.06), 10.0)
    prints = [_cells((0.7, 0.15, 0.1)), _checks("Print", (0.75, 0.7, 0.6), (0.05, 0.08, 0.2), 9.0), _bands()]
    for i, x in enumerate((-2.2, -0.9, 0.5, 2.0)):
        low, high = (x - 0.45, -HALF_Y, 0.45), (x + 0.45, -HALF_Y + 0.03, 1.45)
        _box("Frame", low, high, frame)
        _box("Print", (x - 0.38, -HALF_Y, 0.52), (x + 0.38, -HALF_Y + 0.035, 1.38), prints[i % 3])
    for i, y in enumerate((-1.8, 0.0, 1.8)):
        _box("Frame", (HALF_X - 0.03, y - 0.55, 0.5), (HALF_X, y + 0.55, 1.4), frame)
        _box("Print", (HALF_X - 0.035, y - 0.47, 0.58), (HALF_X, y + 0.47, 1.32), prints[(i + 1) % 3])


def _add_lights(scene: bpy.types.Scene) -> None:
    _area_light(scene, "Ceiling lamp", (0.0, 0.0, CEILING - 0.05), 3.5, 120.0, (1.0, 0.90, 0.76), (0.0, 0.0, 0.0))
    turn = (0.0, math.radians(-90.0), 0.0)
    _area_light(scene, "Daylight", (-HALF_X - 0.15, 0.0, 0.8), 1.8, 130.0, (0.80, 0.90, 1.0), turn)
    background = next(node for node in scene.world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Strength"].default_value = 0.15


def _area_light(
    scene: bpy.types.Scene, name: str, place: Place, size: float, watts: float, color: Color, turn: Place
) -> None:
    light = bpy.data.lights.new(name, "AREA")
    light.size, light.energy, light.color = size, watts, color
    lamp = bpy.data.objects.new(name, light)
    lamp.location, lamp.rotation_euler = place, turn
    lamp.visible_camera = lamp.visible_glossy = False
    scene.collection.objects.link(lamp)


def _shade(color: Color, factor: float) -> Color:
    return (color[0] * factor, color[1] * factor, color[2] * factor)


def _mottled(name: str, color: Color, scale: float) -> bpy.types.Material:
    g = nodes.ShaderGraph(name)
    spots = g.noise(g.position(), scale, detail=4.0)
    return g.surface(g.ramp(spots, (0.32, _shade(color, 0.55)), (0.68, _shade(color, 1.35))), 0.6)


def _checks(name: str, first: Color, second: Color, scale: float) -> bpy.types.Material:
    g = nodes.ShaderGraph(name)
    inputs = {"Vector": g.position(), "Color1": (*first, 1.0), "Color2": (*second, 1.0), "Scale": scale}
    return g.surface(g._add("ShaderNodeTexChecker", inputs).outputs[0], 0.8)


def _cells(color: Color) -> bpy.types.Material:
    g = nodes.ShaderGraph("Cells")
    spots = g.cells(g.position(), 6.0)
    return g.surface(g.ramp(spots, (0.15, (0.85, 0.80, 0.68)), (0.35, color), (0.6, _shade(color, 0.3))), 0.7)


def _bands() -> bpy.types.Material:
    g = nodes.ShaderGraph("Landscape")
    _, _, z = g.axes(g.position())
    hills = g.math("ADD", z, g.math("MULTIPLY", g.noise(g.position(), 2.5, detail=4.0), 0.5))
    stops = [
        (0.05, (0.05, 0.14, 0.05)),
        (0.22, (0.30, 0.36, 0.10)),
        (0.30, (0.60, 0.35, 0.15)),
        (0.42, (0.35, 0.55, 0.8)),
    ]
    return g.surface(g.ramp(hills, *stops), 0.7)


def _wallpaper(name: str, color: Color) -> bpy.types.Material:
    """Broad stripes under a mottle."""
    g = nodes.ShaderGraph(name)
    x, y, _ = g.axes(g.position())
    stripe = g.math("GREATER_THAN", g.math("FRACT", g.math("MULTIPLY", g.math("ADD", x, y), 3.0)), 0.5)
    spots = g.ramp(g.noise(g.position(), 5.0, detail=4.0), (0.35, (0.6, 0.6, 0.6)), (0.65, (1.0, 1.0, 1.0)))
    return g.surface(g.multiply(g.mix(stripe, color, _shade(color, 1.6)), spots), 0.85)


def _bricks() -> bpy.types.Material:
    g = nodes.ShaderGraph("Bricks")
    _, y, z = g.axes(g.position())
    wall = g._add("ShaderNodeCombineXYZ", {0: y, 1: z}).outputs[0]
    inputs = {
        "Vector": wall,
        "Color1": (0.42, 0.16, 0.09, 1.0),
        "Color2": (0.30, 0.12, 0.08, 1.0),
        "Mortar": (0.55, 0.50, 0.44, 1.0),
        "Scale": 2.2,
    }
    return g.surface(g._add("ShaderNodeTexBrick", inputs).outputs[0], 0.85)


def _planks() -> bpy.types.Material:
    g = nodes.ShaderGraph("Planks")
    _, y, _ = g.axes(g.position())
    plank = g.math("FLOOR", g.math("MULTIPLY", y, 6.0))
    tone = g.math("FRACT", g.math("MULTIPLY", g.math("SINE", g.math("MULTIPLY", plank, 12.9)), 437.5))
    grain = g.noise(g.scaled(g.position(), 1.0, 9.0, 1.0), 3.0, detail=4.0)
    board = g.ramp(
        g.math("ADD", g.math("MULTIPLY", tone, 0.4), grain), (0.4, (0.11, 0.055, 0.02)), (1.0, (0.42, 0.25, 0.11))
    )
    gap = g.math("LESS_THAN", g.math("FRACT", g.math("MULTIPLY", y, 6.0)), 0.05)
    return g.surface(g.mix(gap, board, (0.02, 0.012, 0.006)), 0.45)


def _rug() -> bpy.types.Material:
    g = nodes.ShaderGraph("Rug")
    x, y, _ = g.axes(g.position())
    rings = g.math("PINGPONG", g.math("ADD", g.math("ABSOLUTE", x), g.math("ABSOLUTE", y)), 0.22)
    pattern = g.ramp(rings, (0.04, (0.45, 0.05, 0.04)), (0.10, (0.62, 0.50, 0.30)), (0.16, (0.03, 0.05, 0.16)))
    spots = g.ramp(g.noise(g.position(), 20.0), (0.35, (0.7, 0.7, 0.7)), (0.65, (1.0, 1.0, 1.0)))
    return g.surface(g.multiply(pattern, spots), 0.95)
