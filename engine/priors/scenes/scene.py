"""Whole scenes, drawn by a seed: a thing alone, things on a table, a corner of a room. Each lies in the unit cube."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
import torch

from engine.link.geometry import Bounds
from engine.priors.scenes import shapes
from engine.priors.scenes.compositions import FURNITURE, draw_thing
from engine.priors.scenes.materials import Materials, draw_materials
from engine.priors.scenes.mesh import Mesh
from engine.priors.scenes.things import Parts, Random, tilt

Setting = Literal["alone", "table", "room"]
# Shares of the scenes that are drawn.
_SHARES: dict[Setting, float] = {"alone": 0.45, "table": 0.4, "room": 0.15}
BOUNDS = Bounds(np.zeros(3), np.ones(3))
_MATERIALS_OF_A_THING = 3
_TRIES = 30  # to find a place on a table


@dataclasses.dataclass(frozen=True, eq=False)
class Lights:
    """``positions`` [k, 3], ``colors`` [k, 3] f32: what falls on a surface across, at whatever distance; ``radii``
    [k]; ``sky`` [2, 3]: the light from above and from below."""

    positions: torch.Tensor
    colors: torch.Tensor
    radii: torch.Tensor
    sky: torch.Tensor

    def to(self, device: str) -> Lights:
        """On another device."""
        return Lights(*(value.to(device) for value in vars(self).values()))


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """Triangles with ``corners``, shading ``normals`` and places ``rest`` of textures, [t, 3, 3] f32 each, and a
    ``material`` [t] int64, of ``materials``. In the unit cube, Z up."""

    setting: Setting
    corners: torch.Tensor
    normals: torch.Tensor
    rest: torch.Tensor
    material: torch.Tensor
    materials: Materials
    lights: Lights


def draw_scene(seed: int, number: int) -> Scene:
    """The scene of this ``number`` of all that ``seed`` makes: always the same one."""
    random = np.random.default_rng((seed, number))
    setting: Setting = random.choice(list(_SHARES), p=list(_SHARES.values()))
    parts = {"alone": _alone, "table": _on_a_table, "room": _in_a_room}[setting](random)
    parts = _fit(parts, random.uniform(0.78, 0.98))
    meshes = [mesh for mesh, _ in parts]
    return Scene(
        setting,
        torch.cat([mesh.corners for mesh in meshes]),
        torch.cat([mesh.corner_normals for mesh in meshes]),
        torch.cat([mesh.rest[mesh.faces] for mesh in meshes]),
        torch.cat([torch.full((len(mesh.faces),), slot) for mesh, slot in parts]),
        draw_materials(random, max(slot for _, slot in parts) + 1),
        _draw_lights(random, setting),
    )


def _alone(random: Random) -> Parts:
    parts = draw_thing(random)
    if random.random() < 0.3:
        seed = int(random.integers(1 << 30))
        return [(tilt(mesh, np.random.default_rng(seed)), slot) for mesh, slot in parts]  # all of them alike
    return _turn(parts, random.uniform(0.0, 2.0 * math.pi))


def _on_a_table(random: Random) -> Parts:
    thickness = random.uniform(0.02, 0.12)
    if random.random() < 0.6:
        top = shapes.box(1.0, random.uniform(0.6, 1.0), thickness, random.choice([0.0, 0.01]))
    else:
        count = int(random.choice([6, 8, 48, 48]))
        profile = [(0.0, -thickness / 2), (0.5, -thickness / 2), (0.5, thickness / 2), (0.0, thickness / 2)]
        top = shapes.sweep(shapes.circle(count), profile)
    parts: Parts = [(top.move(0.0, 0.0, -thickness / 2), 0)]
    half = (top.high - top.low)[:2] / 2
    placed: list[tuple[float, float, float]] = []
    for _ in range(int(random.integers(1, 7))):
        radius = random.uniform(0.1, 0.3) if len(placed) else random.uniform(0.2, 0.4)
        for _ in range(_TRIES):
            x, y = ((2.0 * random.random(2) - 1.0) * (half.numpy() - 0.8 * radius).clip(min=0.0)).tolist()
            if all(math.hypot(x - px, y - py) > 0.9 * (radius + other) for px, py, other in placed):
                placed.append((x, y, radius))
                parts += _renumber(_stand(draw_thing(random), random, x, y, radius), parts)
                break
    return parts


def _in_a_room(random: Random) -> Parts:
    width, depth, height, wall = 1.0, random.uniform(0.7, 1.0), random.uniform(0.5, 0.9), 0.03
    floor = shapes.box(width, depth, wall).move(0.0, 0.0, -wall / 2)
    back = shapes.box(width, wall, height).move(0.0, depth / 2, height / 2 - wall)
    side = shapes.box(wall, depth, height).move(-width / 2, 0.0, height / 2 - wall)
    parts: Parts = [(floor, 0), (back, 1)]
    if random.random() < 0.8:
        parts.append((side, 1))
    if random.random() < 0.5:
        (x, y), (across, along) = random.uniform(-0.1, 0.1, 2), random.uniform(0.3, 0.6, 2)
        parts.append((shapes.box(across, along, 0.01).move(x, y, 0.005), 2))
    for _ in range(int(random.integers(0, 3))):
        picture = shapes.box(random.uniform(0.12, 0.3), 0.02, random.uniform(0.12, 0.3))
        x, z = random.uniform(-0.3, 0.35), random.uniform(0.5, 0.75) * height
        parts += _renumber([(picture.move(x, depth / 2 - wall / 2, z), 0)], parts)
    places = [(x, y) for x in (-0.28, 0.05, 0.33) for y in (0.27, -0.05, -0.3)]
    for place in random.permutation(len(places))[: int(random.integers(2, 6))]:
        x, y = places[place]
        recipe = FURNITURE[int(random.integers(len(FURNITURE)))]
        thing = recipe(random) if random.random() < 0.7 else draw_thing(random)
        y = y * depth
        parts += _renumber(_stand(thing, random, x, y, random.uniform(0.1, 0.17), height * 0.8), parts)
    return parts


def _renumber(parts: Parts, before: Parts) -> Parts:
    """The parts with materials of their own."""
    first = max(slot for _, slot in before) + 1
    return [(mesh, first + slot) for mesh, slot in parts]


def _turn(parts: Parts, angle: float) -> Parts:
    return [(mesh.turn(2, angle), slot) for mesh, slot in parts]


def _box_of(parts: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    lows, highs = torch.stack([mesh.low for mesh, _ in parts]), torch.stack([mesh.high for mesh, _ in parts])
    return lows.amin(dim=0), highs.amax(dim=0)


def _stand(parts: Parts, random: Random, x: float, y: float, radius: float, most_height: float = 0.9) -> Parts:
    """On the ground at a place, no farther than ``radius`` from it and not higher than ``most_height``."""
    parts = _turn(parts, random.uniform(0.0, 2.0 * math.pi))
    low, high = _box_of(parts)
    size = (high - low).tolist()
    factor = min(2.0 * radius / max(math.hypot(size[0], size[1]), 1e-3), most_height / max(size[2], 1e-3))
    middle = ((low + high) / 2).tolist()

    def place(mesh: Mesh) -> Mesh:
        moved = mesh.move(-middle[0], -middle[1], -float(low[2])).scale(factor)
        return moved.move(x, y, 1e-4)

    return [(place(mesh), slot) for mesh, slot in parts]


def _fit(parts: Parts, size: float) -> Parts:
    """In the middle of the unit cube, as large as ``size``. What textures know is as large as a thing on its own."""
    low, high = _box_of(parts)
    factor = size / float((high - low).amax())
    middle = ((low + high) / 2).tolist()
    return [(mesh.move(*(-value for value in middle)).scale(factor).move(0.5, 0.5, 0.5), slot) for mesh, slot in parts]


def _draw_lights(random: Random, setting: Setting) -> Lights:
    count = int(random.choice([1, 1, 2, 2, 3, 4]))
    azimuth, height = random.uniform(0.0, 2.0 * math.pi, count), np.radians(random.uniform(15.0, 85.0, count))
    if setting == "room":
        azimuth = random.uniform(-0.4 * math.pi, 0.0, count)  # through where there is no wall
    distance = random.uniform(1.5, 8.0, (count, 1))
    across = np.cos(height)
    directions = np.stack([across * np.cos(azimuth), across * np.sin(azimuth), np.sin(height)], axis=1)
    strength = random.uniform(0.8, 2.0) * random.dirichlet(np.full(count, 1.5))
    warmth = random.normal(0.0, 0.12, (count, 1)) * np.array([[1.0, 0.1, -1.0]])
    sky = random.uniform(0.15, 0.8) * (1.0 + random.normal(0.0, 0.08, 3))
    return Lights(
        torch.from_numpy(0.5 + directions * distance).float(),
        torch.from_numpy(strength[:, None] * np.exp(warmth)).float(),
        torch.from_numpy(distance[:, 0] * random.uniform(0.005, 0.12, count)).float(),
        torch.from_numpy(np.stack([sky, sky * random.uniform(0.2, 0.9)]).clip(min=0.02)).float(),
    )
