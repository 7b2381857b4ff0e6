"""Things of several parts, as people make them: furniture, tools, toys, letters."""

from __future__ import annotations

import math

import numpy as np
import torch

from engine.priors.scenes import shapes
from engine.priors.scenes.mesh import Mesh, join
from engine.priors.scenes.things import SOLID, THIN, Parts, Random, Recipe, array, displace, ring_curve, vessel

# Letters on a grid 2 wide and 4 high: straight strokes from a place to another, places numbered row by row from below,
# three in a row.
_STROKES = {
    "A": (0, 12, 12, 14, 14, 2, 6, 8),
    "C": (14, 12, 12, 0, 0, 2),
    "E": (14, 12, 12, 0, 0, 2, 6, 8),
    "F": (14, 12, 12, 0, 6, 8),
    "H": (12, 0, 14, 2, 6, 8),
    "I": (13, 1),
    "K": (12, 0, 6, 14, 6, 2),
    "L": (12, 0, 0, 2),
    "M": (0, 12, 12, 7, 7, 14, 14, 2),
    "N": (0, 12, 12, 2, 2, 14),
    "O": (0, 12, 12, 14, 14, 2, 2, 0),
    "S": (14, 12, 12, 6, 6, 8, 8, 2, 2, 0),
    "T": (12, 14, 13, 1),
    "V": (12, 1, 1, 14),
    "X": (0, 14, 12, 2),
    "Z": (12, 14, 14, 0, 0, 2),
}


def _cylinder(radius: float, height: float, section: torch.Tensor | None = None) -> Mesh:
    """Standing on the ground."""
    profile = [(0.0, 0.0), (radius, 0.0), (radius, height), (0.0, height)]
    return shapes.sweep(shapes.circle(32) if section is None else section, profile)


def _slab(x: float, y: float, z: float, bottom: float, bevel: float = 0.0) -> Mesh:
    """A box around the Z axis whose lowest face is at ``bottom``."""
    return shapes.box(x, y, z, bevel).move(0.0, 0.0, bottom + z / 2)


def _rod(start: tuple[float, float, float], end: tuple[float, float, float], radius: float) -> Mesh:
    return shapes.tube(torch.tensor([start, end]), radius, sides=8)


def letters(random: Random) -> Parts:
    """A word or two, standing."""
    thickness, depth, spacing = random.uniform(0.18, 0.4), random.uniform(0.2, 0.9), 2.0 + random.uniform(0.4, 0.8)
    word = random.choice(list(_STROKES), int(random.integers(1, 6)))
    is_round, parts = random.random() < 0.4, []
    for place, letter in enumerate(word):
        strokes = _STROKES[letter]
        for first, last in zip(strokes[::2], strokes[1::2], strict=True):
            x0, z0, x1, z1 = first % 3, first // 3, last % 3, last // 3
            length, angle = math.hypot(x1 - x0, z1 - z0), math.atan2(z1 - z0, x1 - x0)
            if is_round:
                bar = _rod((-length / 2, 0.0, 0.0), (length / 2, 0.0, 0.0), thickness / 2)
            else:
                bar = shapes.box(length + thickness, depth, thickness)
            parts.append(bar.turn(1, -angle).move((x0 + x1) / 2 + spacing * place, 0.0, (z0 + z1) / 2))
    return [(join(parts).settle(), 0)]


def table(random: Random) -> Parts:
    """Or a stool or a bench."""
    x, y, z = random.uniform(1.0, 3.0), random.uniform(1.0, 2.0), random.uniform(0.8, 2.0)
    leg = random.uniform(0.06, 0.2)
    is_round = random.random() < 0.3
    top = _cylinder(x / 2, 0.12).move(0.0, 0.0, z) if is_round else _slab(x, y, 0.12, z)
    dx, dy = (0.3 * x, 0.3 * x) if is_round else (x / 2 - leg, y / 2 - leg)
    post = _cylinder(leg / 2, z) if random.random() < 0.5 else _slab(leg, leg, z, 0.0)
    legs = [post.move(sx * dx, sy * dy, 0.0) for sx in (-1, 1) for sy in (-1, 1)]
    return [(top, 0), (join(legs), int(random.integers(2)))]


def chair(random: Random) -> Parts:
    """A chair with a back of a plate or of bars."""
    width, height, back, leg = 1.0, random.uniform(0.8, 1.2), random.uniform(0.8, 1.4), random.uniform(0.06, 0.12)
    legs = [_slab(leg, leg, height, 0.0).move(sx * 0.44, sy * 0.44, 0.0) for sx in (-1, 1) for sy in (-1, 1)]
    seat = _slab(width, width, 0.1, height, 0.03)
    if random.random() < 0.5:
        rest = [_slab(width, 0.08, back, height).move(0.0, 0.46, 0.0)]
    else:
        count = int(random.integers(3, 7))
        rest = [_slab(0.06, 0.06, back, height).move(x, 0.46, 0.0) for x in np.linspace(-0.45, 0.45, count)]
        rest.append(_slab(width, 0.1, 0.12, height + back).move(0.0, 0.46, 0.0))
    return [(seat, 1), (join(legs + rest), 0)]


def shelf(random: Random) -> Parts:
    """A shelf with books or pots in it."""
    width, depth, levels, gap = random.uniform(1.2, 2.4), 0.6, int(random.integers(2, 5)), random.uniform(0.6, 0.9)
    height = levels * gap
    boards = [_slab(width, depth, 0.06, k * gap) for k in range(levels + 1)]
    boards += [_slab(0.06, depth, height, 0.0).move(side * width / 2, 0.0, 0.0) for side in (-1, 1)]
    if random.random() < 0.6:
        boards.append(_slab(width, 0.04, height, 0.0).move(0.0, depth / 2, 0.0))
    parts: Parts = [(join(boards), 0)]
    for level in range(levels):
        x = -width / 2 + 0.1
        while x < width / 2 - 0.3:
            thick, tall = random.uniform(0.06, 0.2), gap * random.uniform(0.5, 0.85)
            if random.random() < 0.8:
                book = _slab(thick, 0.4, tall, level * gap + 0.06).move(x + thick / 2, 0.0, 0.0)
                parts.append((book, int(random.integers(1, 3))))
            x += thick * random.choice([1.05, 1.05, 2.0])
    return parts


def lamp(random: Random) -> Parts:
    """A foot, a rod and a shade."""
    height, radius = random.uniform(1.2, 3.0), random.uniform(0.4, 0.8)
    shade = [(radius * random.uniform(0.5, 1.0), height), (radius, height - 0.6)]
    hull = [*shade, *((0.97 * r, z) for r, z in reversed(shade))]
    mesh = shapes.sweep(shapes.circle(40), [*hull, hull[0]])
    return [(_cylinder(0.45, 0.1), 0), (_cylinder(0.05, height), 0), (mesh, 1)]


def mug(random: Random) -> Parts:
    """A mug with a handle."""
    height, radius = random.uniform(0.8, 1.6), random.uniform(0.4, 0.7)
    foot = radius * random.uniform(0.7, 1.1)
    body = [(0.0, 0.0), (foot, 0.0), (radius, height), (radius - 0.06, height), (foot - 0.06, 0.08), (0.0, 0.08)]
    t = torch.linspace(-1.9, 1.9, 24)
    x, z = radius * 0.95 + 0.35 * t.cos(), height / 2 + 0.35 * height * t.sin()
    handle = shapes.tube(torch.stack([x, torch.zeros(24), z], dim=1), random.uniform(0.05, 0.09))
    return [(shapes.sweep(shapes.circle(48), body), 0), (handle, int(random.integers(2)))]


def potted_plant(random: Random) -> Parts:
    """Blades out of a pot."""
    count, parts = int(random.integers(5, 16)), []
    for _ in range(count):
        length, bend, width = random.uniform(0.8, 1.8), random.uniform(0.2, 1.6), random.uniform(0.08, 0.25)
        t = torch.linspace(0.0, 1.0, 12)
        blade = torch.stack([bend * t**2, torch.zeros(12), length * (t - 0.3 * bend * t**2)], dim=1)
        leaf = shapes.tube(blade, width * (0.2 + (math.pi * t).sin()) * (1.0 - 0.7 * t), sides=6)
        flat = leaf.scale(1.0, 1.0, 1.0).bend(lambda points: points * torch.tensor([1.0, 0.9, 1.0]))
        parts.append(flat.turn(2, random.uniform(0, 2 * math.pi)).move(0.0, 0.0, 0.6))
    pot = [(0.0, 0.0), (0.35, 0.0), (0.5, 0.7), (0.42, 0.7), (0.4, 0.6), (0.0, 0.6)]
    return [(shapes.sweep(shapes.circle(40), pot), 0), (join(parts), 1)]


def tree(random: Random) -> Parts:
    """A trunk with a crown of balls or of cones."""
    trunk = _cylinder(random.uniform(0.1, 0.2), 1.2)
    if random.random() < 0.5:
        crown = [
            shapes.sweep(shapes.circle(32), [(0.0, z), (0.9 - 0.2 * k, z), (0.0, z + 1.0)])
            for k, z in enumerate(np.linspace(0.8, 2.0, int(random.integers(2, 5))))
        ]
    else:
        ball = displace(shapes.superquadric(1.0, 1.0), random, 0.25, 3.0)
        crown = [
            ball.scale(random.uniform(0.4, 0.7)).move(*random.uniform([-0.5, -0.5, 1.2], [0.5, 0.5, 2.0]))
            for _ in range(int(random.integers(2, 7)))
        ]
    return [(trunk, 0), (join(crown), 1)]


def house(random: Random) -> Parts:
    """A house with a roof, a door and windows."""
    x, y, z = random.uniform(1.2, 2.4), random.uniform(1.0, 1.8), random.uniform(0.7, 2.0)
    roof = shapes.sweep(shapes.circle(3), [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]).turn(1, math.pi / 2)
    low, size = roof.low, roof.high - roof.low
    over = torch.tensor([x * 1.15, y * 1.2, random.uniform(0.4, 1.0)])
    roof = roof.bend(lambda points: (points - low) / size * over - over * torch.tensor([0.5, 0.5, 0.0]))
    panes = [_slab(0.22, 0.06, 0.3, 0.55 * z).move(px, -y / 2, 0.0) for px in np.linspace(-0.35, 0.35, 3) * x]
    panes.append(_slab(0.3, 0.06, 0.5, 0.0).move(0.0, -y / 2, 0.0))
    chimney = _slab(0.2, 0.2, 0.7, z + 0.2).move(0.3 * x, 0.15 * y, 0.0)
    return [(_slab(x, y, z, 0.0), 0), (roof.move(0.0, 0.0, z), 1), (join([*panes, chimney]), 2)]


def car(random: Random) -> Parts:
    """A toy on wheels."""
    length, wheel = random.uniform(1.8, 2.8), random.uniform(0.22, 0.34)
    body = shapes.superquadric(0.25, 0.25).scale(length / 2, 0.5, 0.28).move(0.0, 0.0, wheel + 0.2)
    shift, share = random.uniform(-0.2, 0.2), random.uniform(0.2, 0.35)
    cabin = shapes.superquadric(0.35, 0.3).scale(share * length, 0.42, 0.3).move(shift, 0.0, wheel + 0.55)
    tyre = _cylinder(wheel, 0.2).move(0.0, 0.0, -0.1).turn(0, math.pi / 2)
    wheels = [tyre.move(sx * 0.32 * length, sy * 0.48, wheel) for sx in (-1, 1) for sy in (-1, 1)]
    return [(body, 0), (cabin, 1), (join(wheels), 2)]


def figure(random: Random) -> Parts:
    """A doll or a robot of balls or boxes."""
    first, second = random.choice([0.2, 0.4, 1.0], 2)
    part = shapes.superquadric(first, second)
    head, tall, wide = random.uniform(0.25, 0.45), random.uniform(0.4, 0.8), random.uniform(0.3, 0.6)
    body = [part.scale(wide, 0.7 * wide, tall).move(0.0, 0.0, 0.8 + tall)]
    top = 0.8 + 2 * tall
    limbs = [part.scale(0.13, 0.13, 0.45).move(side * 0.55 * wide, 0.0, 0.45) for side in (-1, 1)]
    lift = random.uniform(-1.0, 1.0)
    limbs += [
        part.scale(0.11, 0.11, 0.45).turn(1, side * (0.6 + lift)).move(side * (wide + 0.25), 0.0, top - 0.4)
        for side in (-1, 1)
    ]
    eyes = [
        shapes.superquadric(1.0, 1.0, 13, 24).scale(0.2 * head).move(s * 0.4 * head, -0.9 * head, top + head)
        for s in (-1, 1)
    ]
    return [(join(body), 0), (part.scale(head).move(0.0, 0.0, top + head), 1), (join(limbs), 1), (join(eyes), 2)]


def wheel(random: Random) -> Parts:
    """A rim with spokes."""
    count, radius = int(random.integers(4, 20)), random.uniform(0.02, 0.06)
    spokes = [
        _rod((0.0, 0.0, 0.0), (math.cos(a), math.sin(a), 0.0), radius) for a in np.arange(count) * 2 * math.pi / count
    ]
    rim = shapes.tube(ring_curve(), random.uniform(0.06, 0.16), True, 12)
    hub = _cylinder(0.16, 0.3).move(0.0, 0.0, -0.15)
    return [(mesh.turn(0, math.pi / 2), slot) for mesh, slot in ((rim, 0), (join(spokes), 1), (hub, 1))]


def fence(random: Random) -> Parts:
    """Or a ladder."""
    count, height, gap = int(random.integers(4, 10)), random.uniform(0.8, 1.8), random.uniform(0.25, 0.5)
    width = gap * (count - 1)
    if random.random() < 0.5:
        bars = [_rod((k * gap, 0.0, 0.0), (k * gap, 0.0, height), 0.05) for k in range(count)]
    else:
        bars = [_slab(0.14, 0.05, height, 0.0).move(k * gap, 0.0, 0.0) for k in range(count)]
    rails = [_rod((-0.1, 0.05, z * height), (width + 0.1, 0.05, z * height), 0.05) for z in (0.25, 0.75)]
    return [(join(bars + rails).turn(1, float(random.choice([0.0, -math.pi / 2]))).settle(), 0)]


def stairs(random: Random) -> Parts:
    """Straight or winding."""
    count, rise, width = int(random.integers(4, 12)), random.uniform(0.15, 0.3), random.uniform(0.6, 1.4)
    if random.random() < 0.5:
        steps = [_slab(0.35, width, rise * (k + 1), 0.0).move(0.35 * k, 0.0, 0.0) for k in range(count)]
        return [(join(steps).settle(), 0)]
    steps = [_slab(width, 0.4, 0.08, rise * k).move(width / 2, 0.0, 0.0).turn(2, 0.45 * k) for k in range(count)]
    return [(join(steps).settle(), 0), (_cylinder(0.12, rise * (count + 3)), 1)]


def bowl_of_balls(random: Random) -> Parts:
    """Fruit."""
    profile = [(0.0, 0.0), (0.4, 0.0), (0.9, 0.3), (1.1, 0.7), (1.05, 0.7), (0.85, 0.35), (0.35, 0.06), (0.0, 0.06)]
    balls: Parts = []
    for k in range(int(random.integers(3, 9))):
        angle, radius = 2.4 * k, 0.55 * math.sqrt(k / 9)
        size = random.uniform(0.22, 0.34)
        ball = shapes.superquadric(1.0, 1.0).scale(size, size, size * random.uniform(0.9, 1.3))
        place = radius * math.cos(angle), radius * math.sin(angle), 0.35 + 0.4 * radius + 0.2 * (k % 3)
        balls.append((ball.move(*place), 1 + k % 2))
    return [(shapes.sweep(shapes.circle(48), profile), 0), *balls]


def basket(random: Random) -> Parts:
    """Wires around, with a handle."""
    count, height = int(random.integers(8, 20)), random.uniform(0.7, 1.4)
    wires = [
        _rod((0.7 * math.cos(a), 0.7 * math.sin(a), 0.0), (math.cos(a), math.sin(a), height), 0.025)
        for a in np.arange(count) * 2 * math.pi / count
    ]
    hoops = [
        shapes.tube(ring_curve(), 0.03, True, 8).scale(0.7 + 0.3 * t, 0.7 + 0.3 * t, 1.0).move(0.0, 0.0, height * t)
        for t in np.linspace(0.0, 1.0, int(random.integers(3, 6)))
    ]
    t = torch.linspace(0.0, math.pi, 32)
    bow = shapes.tube(torch.stack([t.cos(), torch.zeros(32), height + 0.9 * t.sin()], dim=1), 0.05)
    return [(join([*wires, *hoops]).settle(), 0), (bow, int(random.integers(2)))]


def pile(random: Random) -> Parts:
    """Solid things through one another."""
    parts: Parts = []
    for k in range(int(random.integers(2, 5))):
        mesh = SOLID[int(random.integers(len(SOLID)))](random)[0][0]
        size = float((mesh.high - mesh.low).amax())
        mesh = mesh.scale(random.uniform(0.8, 1.6) / size).turn(2, random.uniform(0, 6))
        x, y = random.uniform(-0.5, 0.5, 2)
        parts.append((mesh.move(x, y, 0.4 * k), k % 3))
    return parts


def with_handle(random: Random) -> Parts:
    """A vessel with a bow over it."""
    body = vessel(random)[0][0]
    width, top = float(body.high[0]), float(body.high[2])
    t = torch.linspace(0.0, math.pi, 32)
    bow = torch.stack([width * 0.95 * t.cos(), torch.zeros(32), 0.9 * top + width * t.sin()], dim=1)
    return [(body, 0), (shapes.tube(bow, random.uniform(0.03, 0.07)), 1)]


MADE: tuple[Recipe, ...] = (
    letters, letters, table, chair, shelf, lamp, mug, potted_plant, tree, house, car, figure, wheel, fence, stairs,
    bowl_of_balls, basket, pile, with_handle, array, array,
)  # fmt: skip
FURNITURE: tuple[Recipe, ...] = (table, chair, shelf, lamp, potted_plant, stairs, vessel)
EVERYTHING: tuple[tuple[float, tuple[Recipe, ...]], ...] = ((0.36, SOLID), (0.16, THIN), (0.48, MADE))


def draw_thing(random: Random) -> Parts:
    """Any, in the size and place that its recipe gives it."""
    shares = [share for share, _ in EVERYTHING]
    recipes = EVERYTHING[int(random.choice(len(shares), p=shares))][1]
    return recipes[int(random.integers(len(recipes)))](random)
