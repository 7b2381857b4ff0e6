"""Single things, drawn by a generator: what has no parts, or only one shape in many copies.

A recipe gives parts, each a mesh and which of the thing's materials it is of. They are a few units in size, wherever.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from engine.priors.scenes import shapes
from engine.priors.scenes.mesh import Mesh, from_grid, join
from engine.priors.scenes.noise import octaves

Random = np.random.Generator
Parts = list[tuple[Mesh, int]]
Recipe = Callable[[Random], Parts]


def displace(mesh: Mesh, random: Random, strength: float, frequency: float) -> Mesh:
    """Moved along its normals by noise."""
    seed, shift = int(random.integers(1 << 30)), torch.from_numpy(random.uniform(0, 50, 3)).float()
    value = octaves(mesh.vertices * frequency + shift, seed, 4) - 0.5
    normals = mesh.vertex_normals
    return mesh.bend(lambda points: points + (2.0 * strength) * value[:, None] * normals)


def tilt(mesh: Mesh, random: Random) -> Mesh:
    """Turned any way."""
    return mesh.turn(0, random.uniform(0, 2 * math.pi)).turn(1, random.uniform(-1.5, 1.5)).turn(2, random.uniform(0, 7))


def superquadric(random: Random) -> Parts:
    """From boxes over spheres to double cones."""
    first, second = random.choice([0.12, 0.3, 0.6, 1.0, 1.0, 1.5, 2.0], 2)
    return [(shapes.superquadric(first, second).scale(*random.uniform(0.5, 1.3, 3)), 0)]


def block(random: Random) -> Parts:
    """A box, sharp or bevelled."""
    x, y, z = random.uniform(0.6, 2.2, 3)
    return [(shapes.box(x, y, z, random.choice([0.0, 0.03, 0.12]) * min(x, y, z)), 0)]


def rock(random: Random) -> Parts:
    """A displaced ellipsoid."""
    mesh = shapes.superquadric(1.0, 1.0, 41, 80).scale(*random.uniform(0.6, 1.3, 3))
    return [(displace(mesh, random, random.uniform(0.1, 0.4), random.uniform(0.7, 2.5)), 0)]


def gem(random: Random) -> Parts:
    """A convex polyhedron."""
    normals = torch.from_numpy(random.normal(size=(int(random.integers(6, 18)), 3))).float()
    # Both ways, so that it is closed on all sides.
    normals = torch.cat([normals, -normals]) / torch.cat([normals, normals]).norm(dim=1, keepdim=True)
    distances = torch.from_numpy(random.uniform(0.7, 1.0, len(normals))).float()
    return [
        (shapes.radial(shapes.polyhedron_radius(normals, distances), 65, 128).scale(*random.uniform(0.7, 1.2, 3)), 0)
    ]


def carved(random: Random) -> Parts:
    """What two solids have in common, or both together, with a round piece taken out."""
    exponents, scales = random.choice([0.2, 0.5, 1.0, 2.0], (2, 2)), random.uniform(0.6, 1.3, (2, 3))
    radii = [
        shapes.superquadric_radius(first, second, size)
        for (first, second), size in zip(exponents.tolist(), scales.tolist(), strict=True)
    ]
    joins = torch.minimum if random.random() < 0.5 else torch.maximum
    bites = torch.from_numpy(random.normal(size=(int(random.integers(0, 4)), 3))).float()
    bites = bites / bites.norm(dim=1, keepdim=True).clamp(min=1e-6)
    size = random.uniform(0.15, 0.5)

    def radius(directions: torch.Tensor) -> torch.Tensor:
        whole = joins(radii[0](directions), radii[1](directions))
        for bite in bites:
            depth = (directions @ bite - (1.0 - size)).clamp(min=0.0) / size
            whole = whole * (1.0 - 0.6 * depth.sqrt())
        return whole

    return [(tilt(shapes.radial(radius, 65, 128), random), 0)]


def vessel(random: Random) -> Parts:
    """A vase, bottle or bowl from a lathe: up outside, down inside."""
    height, count = random.uniform(1.0, 3.0), int(random.integers(3, 6))
    radii = random.uniform(0.25, 1.0, count)
    outside = shapes.smooth_profile([(float(r), height * k / (count - 1)) for k, r in enumerate(radii)], 32)
    outside = [(max(r, 0.12), z) for r, z in outside]
    wall = random.uniform(0.03, 0.08)
    inside = [(max(r - wall, 0.02), max(z, 2 * wall)) for r, z in reversed(outside)]
    profile = [(0.0, 0.0), *outside, *inside, (0.0, 2 * wall)]
    section = shapes.circle(48) if random.random() < 0.75 else shapes.wavy(int(random.integers(4, 14)), 0.15)
    return [(shapes.sweep(section, profile), 0)]


def spindle(random: Random) -> Parts:
    """Turned wood: a chess piece, a leg, a candlestick."""
    height, profile, z = random.uniform(1.5, 3.5), [(0.0, 0.0)], 0.0
    while z < height:
        radius, length = random.uniform(0.12, 0.8), height * random.uniform(0.08, 0.3)
        if random.random() < 0.5:
            profile += [(radius, z), (radius * random.uniform(0.6, 1.0), z + length)]
        else:
            bulge = [(0.4 * radius, z), (radius, z + 0.5 * length), (0.4 * radius, z + length)]
            profile += shapes.smooth_profile(bulge, 10)
        z += length
    return [(shapes.sweep(shapes.circle(40), [*profile, (0.0, z)]), 0)]


def draw_section(random: Random) -> torch.Tensor:
    """A closed curve, of any form there is."""
    form, count = random.choice(["polygon", "star", "gear", "rectangle", "wave", "circle"]), int(random.integers(3, 9))
    match form:
        case "polygon":
            return shapes.circle(count)
        case "star":
            return shapes.star(count + 1, random.uniform(0.3, 0.6))
        case "gear":
            return shapes.gear(count + 5, random.uniform(0.1, 0.3))
        case "rectangle":
            return shapes.rectangle(1.6, random.uniform(0.6, 1.6), 0.15)
        case "wave":
            return shapes.wavy(count, random.uniform(0.15, 0.4))
    return shapes.circle(48)


def extrusion(random: Random) -> Parts:
    """A section drawn up, now and then tapered or turned."""
    height, taper = random.uniform(0.3, 2.5), random.choice([1.0, 1.0, random.uniform(0.1, 1.4)])
    turn = random.choice([0.0, 0.0, random.uniform(-1.5, 1.5)])
    bevel = 0.05 * height if random.random() < 0.5 else 0.0
    rows = [(1.0 + (taper - 1.0) * t, bevel + (height - 2 * bevel) * t, turn * t) for t in np.linspace(0, 1, 17)]
    low, high = ([(0.9 * rows[end][0], z, rows[end][2])] if bevel else [] for end, z in ((0, 0.0), (-1, height)))
    profile = [(0.0, 0.0, 0.0), *low, *rows, *high, (0.0, height, turn)]
    return [(shapes.sweep(draw_section(random), profile), 0)]


def cone(random: Random) -> Parts:
    """Or a pyramid."""
    section = shapes.circle(int(random.choice([3, 4, 5, 6, 40, 40])))
    return [(shapes.sweep(section, [(0.0, 0.0), (1.0, 0.0), (0.0, random.uniform(0.8, 3.0))]), 0)]


def ring_curve(count: int = 64) -> torch.Tensor:
    """A circle of radius 1 around Z."""
    return torch.cat([shapes.circle(count), torch.zeros(count, 1)], dim=1)


def ring(random: Random) -> Parts:
    """From a wire to a tyre."""
    return [(shapes.tube(ring_curve(), float(random.choice([0.03, 0.07, 0.15, 0.3, 0.45])), True, 20), 0)]


def chain(random: Random) -> Parts:
    """Rings through one another."""
    link = shapes.tube(ring_curve(40), random.uniform(0.12, 0.2), True).scale(1.0, 0.65, 1.0)
    count = int(random.integers(3, 8))
    return [(join([link.turn(0, k * math.pi / 2).move(1.45 * k, 0.0, 0.0) for k in range(count)]).settle(), 0)]


def spring(random: Random) -> Parts:
    """A helix, even or drawn in towards its end."""
    turns, height = random.uniform(3, 8), random.uniform(1.0, 3.0)
    t = torch.linspace(0.0, 1.0, int(28 * turns))
    radius = 1.0 - random.choice([0.0, 0.0, random.uniform(0.3, 0.9)]) * t
    angles = 2.0 * math.pi * turns * t
    curve = torch.stack([radius * angles.cos(), radius * angles.sin(), height * t], dim=1)
    return [(shapes.tube(curve, random.uniform(0.04, 0.14)), 0)]


def knot(random: Random) -> Parts:
    """A torus knot."""
    p, q = random.choice([(2, 3), (3, 2), (2, 5), (3, 4)])
    t = torch.arange(200) * (2.0 * math.pi / 200)
    around = 1.0 + 0.45 * (q * t).cos()
    curve = torch.stack([around * (p * t).cos(), around * (p * t).sin(), 0.45 * (q * t).sin()], dim=1)
    return [(tilt(shapes.tube(curve, random.uniform(0.06, 0.2), True), random), 0)]


def wire(random: Random) -> Parts:
    """A piece of bent wire or rope."""
    count = int(random.integers(4, 9))
    points = torch.from_numpy(np.cumsum(random.normal(size=(count, 3)), axis=0) * 0.6).float()
    curve = torch.nn.functional.interpolate(points.T[None], 16 * count, mode="linear", align_corners=True)[0]
    for _ in range(3):
        curve = torch.nn.functional.avg_pool1d(torch.nn.functional.pad(curve[None], (4, 4), mode="replicate"), 9, 1)[0]
    return [(shapes.tube(curve.T.contiguous(), random.uniform(0.04, 0.15)), 0)]


def cage(random: Random) -> Parts:
    """A box or a ball of rods."""
    thickness = random.uniform(0.03, 0.1)
    if random.random() < 0.5:
        rod = shapes.tube(torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), thickness)
        rods = [rod.move(0.0, y, z) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
        edges = [
            each.turn(2, math.pi / 2 * (axis == 1)).turn(1, math.pi / 2 * (axis == 2))
            for each in rods
            for axis in range(3)
        ]
        return [(join(edges).settle().scale(*random.uniform(0.7, 1.3, 3)), 0)]
    circle = shapes.tube(ring_curve(), thickness, True, 8)
    count = int(random.integers(3, 7))
    meridians = [circle.turn(0, math.pi / 2).turn(2, math.pi * k / count) for k in range(count)]
    heights = np.linspace(-0.7, 0.7, int(random.integers(1, 5)))
    parallels = [circle.scale(math.sqrt(1 - z * z)).move(0.0, 0.0, float(z)) for z in heights]
    return [(join(meridians + parallels).settle(), 0)]


def shell(random: Random) -> Parts:
    """A thin hull with holes in it."""
    first, second = random.choice([0.3, 1.0, 1.0], 2)
    mesh = shapes.superquadric(first, second, 49, 96)
    seed, frequency = int(random.integers(1 << 30)), random.uniform(1.5, 4.0)
    middles = mesh.corners.mean(dim=1)
    if random.random() < 0.5:
        value = octaves(middles * frequency, seed, 1)
    else:
        angles = torch.atan2(middles[:, 1], middles[:, 0]) * float(random.integers(3, 9))
        value = 0.5 + 0.5 * angles.sin() * (middles[:, 2] * 2.0 * frequency).cos()
    return [(mesh.without(value > random.uniform(0.55, 0.75)), 0)]


def bent_sheet(random: Random) -> Parts:
    """A waved plate: cloth, a leaf, a crisp."""
    line = torch.linspace(-1.0, 1.0, 40)
    x, y = torch.meshgrid(line * random.uniform(0.7, 1.3), line, indexing="ij")
    wave, phase = random.uniform(1.0, 4.0, 2), random.uniform(0, 6, 2)
    z = random.uniform(0.1, 0.4) * ((wave[0] * x + phase[0]).sin() + (wave[1] * y + phase[1]).cos())
    points = torch.stack([x, y, z], dim=-1)
    # There and back, so that it has two sides and an edge.
    under = points - torch.tensor([0.0, 0.0, 0.05])
    return [(from_grid(torch.cat([points, under.flip(1)], dim=1)), 0)]


SOLID: tuple[Recipe, ...] = (
    superquadric, superquadric, block, rock, gem, carved, carved, vessel, vessel, spindle, extrusion, extrusion, cone,
)  # fmt: skip
THIN: tuple[Recipe, ...] = (ring, chain, spring, knot, wire, cage, shell, bent_sheet)


def array(random: Random) -> Parts:
    """Copies of one thing: in a row, around, in a grid or on top of one another."""
    recipe = SOLID[int(random.integers(len(SOLID)))]
    mesh = recipe(random)[0][0]
    size = mesh.high - mesh.low
    mesh = mesh.bend(lambda points: (points - (mesh.low + mesh.high) / 2) / size.amax() * 2.0)
    x, y, z = ((mesh.high - mesh.low) * random.uniform(1.0, 1.4)).tolist()
    arrangement, count = random.choice(["row", "ring", "grid", "tower"]), int(random.integers(3, 7))
    shrinks, turns = random.choice([1.0, random.uniform(0.75, 0.95)]), random.choice([0.0, random.uniform(-0.6, 0.6)])
    if arrangement == "row":
        copies = [mesh.turn(2, turns * k).move(x * k, 0.0, 0.0) for k in range(count)]
    elif arrangement == "ring":
        distance = max(y * (count + 2) / (2 * math.pi), x)
        copies = [mesh.move(distance, 0.0, 0.0).turn(2, 2 * math.pi * k / (count + 2)) for k in range(count + 2)]
    elif arrangement == "grid":
        copies = [mesh.move(x * i, y * j, 0.0) for i in range(count) for j in range(int(random.integers(2, 4)))]
    else:
        copies, height = [], 0.0
        for k in range(count):
            factor = shrinks**k
            copies.append(mesh.turn(2, turns * k).scale(factor).move(0.0, 0.0, height + 0.5 * z * factor))
            height += z * factor / 1.05
    return [(copy, int(k % 2)) for k, copy in enumerate(copies)] if random.random() < 0.4 else [(join(copies), 0)]
