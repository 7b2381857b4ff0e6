"""Meshes the still life is made of: turned, fluted and cut shapes with clean UVs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import bpy
from mathutils import Matrix, Vector

Point = tuple[float, float]


def add_object(
    name: str, mesh: bpy.types.Mesh, material: bpy.types.Material, location: Sequence[float]
) -> bpy.types.Object:
    """Put ``mesh`` into the scene with one material."""
    mesh.materials.append(material)
    thing = bpy.data.objects.new(name, mesh)
    thing.location = location
    bpy.context.scene.collection.objects.link(thing)
    return thing


def smooth_profile(points: Sequence[Point], steps: int = 6) -> list[Point]:
    """A Catmull-Rom curve through ``points`` of (radius, height)."""
    padded = [points[0], *points, points[-1]]
    curve: list[Point] = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        for step in range(steps):
            t = step / steps
            curve.append(
                tuple(_catmull_rom(b, s, e, a, t) for b, s, e, a in zip(before, start, end, after, strict=True))
            )
    curve.append(tuple(points[-1]))
    return [(max(0.0, radius), height) for radius, height in curve]


def _catmull_rom(before: float, start: float, end: float, after: float, t: float) -> float:
    slope_in, slope_out = (end - before) / 2, (after - start) / 2
    return (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (t**3 - 2 * t**2 + t) * slope_in
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - t**2) * slope_out
    )


def lathe(
    name: str, profile: Sequence[Point], segments: int = 96, radius_scale: Callable[[float, float], float] | None = None
) -> bpy.types.Mesh:
    """Turn ``profile`` of (radius, height) round the z axis.

    UV: u is the angle, v the length along the profile, both 0 to 1. ``radius_scale(angle, height)`` shapes the radius,
    for flutes.
    """
    lengths = [0.0]
    for (r0, z0), (r1, z1) in itertools.pairwise(profile):
        lengths.append(lengths[-1] + math.hypot(r1 - r0, z1 - z0))
    vs = [length / lengths[-1] for length in lengths]
    vertices = []
    for radius, height in profile:
        for i in range(segments):
            angle = math.tau * i / segments
            r = radius * (radius_scale(angle, height) if radius_scale else 1.0)
            vertices.append((r * math.cos(angle), r * math.sin(angle), height))
    faces, uvs = [], []
    for j in range(len(profile) - 1):
        for i in range(segments):
            k = (i + 1) % segments
            faces.append((j * segments + i, j * segments + k, (j + 1) * segments + k, (j + 1) * segments + i))
            u0, u1 = i / segments, (i + 1) / segments
            uvs += [(u0, vs[j]), (u1, vs[j]), (u1, vs[j + 1]), (u0, vs[j + 1])]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    layer = mesh.uv_layers.new(name="UVMap")
    layer.uv.foreach_set("vector", [value for uv in uvs for value in uv])
    mesh.shade_smooth()
    return mesh


def arch(name: str, width: float, height: float, depth: float, thickness: float, segments: int = 40) -> bpy.types.Mesh:
    """A round-headed gateway standing on z = 0, its opening along y."""
    outer, inner = width / 2, width / 2 - thickness
    spring = height - outer
    rim = [(Vector((outer, 0.0)), Vector((inner, 0.0)))]  # (outer, inner) points in the plane of the front
    for i in range(segments + 1):
        angle = math.pi * i / segments
        way = Vector((math.cos(angle), math.sin(angle)))
        rim.append((way * outer + Vector((0, spring)), way * inner + Vector((0, spring))))
    rim.append((Vector((-outer, 0.0)), Vector((-inner, 0.0))))
    vertices, faces = [], []
    for out, into in rim:
        for y in (-depth / 2, depth / 2):
            vertices += [(out.x, y, out.y), (into.x, y, into.y)]
    for i in range(len(rim) - 1):
        a, b = 4 * i, 4 * (i + 1)  # per rim station: front outer, front inner, back outer, back inner
        faces += [
            (a, a + 1, b + 1, b),
            (a + 2, b + 2, b + 3, a + 3),
            (a, b, b + 2, a + 2),
            (a + 1, a + 3, b + 3, b + 1),
        ]
    last = 4 * (len(rim) - 1)
    faces += [(0, 2, 3, 1), (last, last + 1, last + 3, last + 2)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    return mesh


def sprig(name: str, height: float, lean: tuple[float, float], pairs: int, leaf_size: float) -> bpy.types.Mesh:
    """A stem that bends by ``lean`` (x, y at the tip) with pairs of round leaves turning round it, growing smaller."""
    vertices: list[Vector] = []
    faces: list[tuple[int, ...]] = []

    def along(t: float) -> Vector:
        return Vector((lean[0] * t * t, lean[1] * t * t, height * t))

    sides, stations = 6, 12
    for j in range(stations + 1):
        t = j / stations
        for i in range(sides):
            angle = math.tau * i / sides
            vertices.append(along(t) + Vector((math.cos(angle), math.sin(angle), 0.0)) * 0.010 * (1.2 - t))
    for j in range(stations):
        for i in range(sides):
            k = (i + 1) % sides
            faces.append((j * sides + i, j * sides + k, (j + 1) * sides + k, (j + 1) * sides + i))
    for pair in range(pairs):
        t = 0.34 + 0.64 * pair / max(1, pairs - 1)
        for side in (0, 1):
            turn = Matrix.Rotation(pair * 1.25 + side * math.pi, 4, "Z") @ Matrix.Rotation(math.radians(-32), 4, "Y")
            _add_leaf(vertices, faces, Matrix.Translation(along(t)) @ turn, leaf_size * (1.15 - 0.5 * t))
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    mesh.shade_smooth()
    return mesh


def _add_leaf(vertices: list[Vector], faces: list[tuple[int, ...]], place: Matrix, size: float) -> None:
    """A rounded, slightly cupped leaf that grows from the origin of ``place`` along its x axis."""
    base, rows, columns = len(vertices), 6, 5
    for j in range(rows + 1):
        t = j / rows
        half_width = 0.40 * size * math.sin(math.pi * min(1.0, t**0.8)) + 0.004
        for i in range(columns):
            s = 2 * i / (columns - 1) - 1
            vertices.append(place @ Vector((t * size, s * half_width, 0.12 * size * (s * s - t * t))))
    for j in range(rows):
        for i in range(columns - 1):
            a = base + j * columns + i
            faces.append((a, a + 1, a + columns + 1, a + columns))
