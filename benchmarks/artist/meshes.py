"""Shapes that the artist scenes are made of, besides those of the still life."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "still_life"))
import shapes

Place = tuple[float, float, float]


def add_tube(name: str, points: Sequence[Place], radius: float, material: bpy.types.Material) -> bpy.types.Object:
    """A curve object of round section along a smooth line through ``points``."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.use_fill_caps = "3D", radius, 4, True
    spline = curve.splines.new("BEZIER")
    spline.bezier_points.add(len(points) - 1)
    for point, place in zip(spline.bezier_points, points, strict=True):
        point.co = place
        point.handle_left_type = point.handle_right_type = "AUTO"
    curve.materials.append(material)
    tube = bpy.data.objects.new(name, curve)
    bpy.context.scene.collection.objects.link(tube)
    return tube


def sweep(name: str, width: float, front: float, back: float, bend: float, height: float) -> bpy.types.Mesh:
    """A photographer's backdrop ``width`` metres wide: a floor from y = ``front`` to ``back``, bent with the radius
    ``bend`` into a wall up to ``height``."""
    steps = 16
    profile = [(front, 0.0)]
    for i in range(steps + 1):
        angle = math.pi / 2 * i / steps
        profile.append((back - bend + bend * math.sin(angle), bend - bend * math.cos(angle)))
    profile.append((back, height))
    vertices = [(x, y, z) for y, z in profile for x in (-width / 2, width / 2)]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    mesh.shade_smooth()
    return mesh


def grass(name: str, count: int, radius: float, height: float, width: float, seed: int) -> bpy.types.Mesh:
    """``count`` bent blades on a disk of ``radius`` metres, up to ``height`` long and ``width`` wide at the foot."""
    rng = random.Random(seed)
    vertices: list[Vector] = []
    faces: list[tuple[int, ...]] = []
    for _ in range(count):
        turn = rng.uniform(0.0, math.tau)
        foot = Matrix.Rotation(rng.uniform(0.0, math.tau), 3, "Z") @ Vector((radius * math.sqrt(rng.random()), 0, 0))
        lean, long = rng.uniform(0.1, 0.55), height * rng.uniform(0.55, 1.0)
        base, stations = len(vertices), 5
        for j in range(stations + 1):
            t = j / stations
            half = width / 2 * (1.0 - 0.92 * t)
            for side in (-half, half):
                bent = Vector((side, lean * long * t * t, long * t * (1.0 - 0.25 * lean * t)))
                vertices.append(foot + Matrix.Rotation(turn, 3, "Z") @ bent)
        faces += [(base + 2 * j, base + 2 * j + 1, base + 2 * j + 3, base + 2 * j + 2) for j in range(stations)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    return mesh


def add_fur(
    name: str, radius: float, count: int, length: float, thickness: float, material: bpy.types.Material, seed: int
) -> bpy.types.Object:
    """A hair object: ``count`` strands, ``thickness`` metres thick, that grow out of a ball of ``radius`` and hang."""
    rng, points = random.Random(seed), 5
    hair = bpy.data.hair_curves.new(name)
    hair.add_curves([points] * count)
    positions, radii = [], []
    for _ in range(count):
        way = Vector((rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1))).normalized()
        comb = Vector((rng.gauss(0, 0.25), rng.gauss(0, 0.25), rng.gauss(0, 0.25)))
        own = length * rng.uniform(0.7, 1.1)
        for j in range(points):
            t = j / (points - 1)
            positions.extend(way * radius + (way * t + comb * t * t - Vector((0, 0, 0.45 * t * t))) * own)
            radii.append(thickness / 2 * (1.0 - 0.7 * t))
    hair.position_data.foreach_set("vector", positions)
    width = hair.attributes.get("radius") or hair.attributes.new("radius", "FLOAT", "POINT")
    width.data.foreach_set("value", radii)
    hair.materials.append(material)
    fur = bpy.data.objects.new(name, hair)
    bpy.context.scene.collection.objects.link(fur)
    return fur


def limb(name: str, length: float, top: float, bottom: float) -> bpy.types.Mesh:
    """A rounded limb that hangs ``length`` metres down from its joint, the origin; radii at both ends."""
    ends = [math.pi / 2 * i / 5 for i in range(6)]
    profile = [(bottom * math.sin(a), -length - bottom * math.cos(a)) for a in ends]
    profile += [(top * math.cos(a), top * math.sin(a)) for a in ends]
    return shapes.lathe(name, profile, 32)
