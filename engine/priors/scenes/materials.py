"""What surfaces look like: solid textures of three colours, and how they reflect light."""

from __future__ import annotations

import colorsys
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from engine.link.arrays import Floats
from engine.priors.scenes.noise import cells, octaves, value_noise

# How much of each further colour there is at points [n, 3], of which a pattern's period is 1: [n, 2] in 0..1.
Pattern = Callable[[torch.Tensor, int], torch.Tensor]
_METAL_SHARE = 0.12


@dataclasses.dataclass(frozen=True, eq=False)
class Materials:
    """``patterns`` [m] int64, numbers of PATTERNS; ``colors`` [m, 3, 3] f32 linear; ``frequencies`` and ``shifts`` [m,
    3] f32, from where textures know a point to be into the pattern's space; ``roughness`` and ``metallic`` [m] f32 in
    0..1; ``seeds`` [m], of the patterns' noise."""

    patterns: torch.Tensor
    colors: torch.Tensor
    frequencies: torch.Tensor
    shifts: torch.Tensor
    roughness: torch.Tensor
    metallic: torch.Tensor
    seeds: tuple[int, ...]

    def to(self, device: str) -> Materials:
        """On another device."""
        tensors: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if isinstance(value, torch.Tensor)
        }
        return dataclasses.replace(self, **tensors)

    def colors_at(self, materials: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Colours of surfaces of ``materials`` [n] int64 at ``points`` [n, 3], as textures know them: [n, 3] f32."""
        result = self.colors[materials, 0]
        for material, pattern in enumerate(self.patterns.tolist()):
            if not pattern:
                continue
            rows = (materials == material).nonzero()[:, 0]
            places = points[rows] * self.frequencies[material] + self.shifts[material]
            first, second, third = self.colors[material]
            shares = PATTERNS[pattern](places, self.seeds[material])
            result[rows] = torch.lerp(torch.lerp(first, second, shares[:, :1]), third, shares[:, 1:])
        return result


def draw_materials(random: np.random.Generator, count: int) -> Materials:
    """``count`` of any kind; now and then some share colours, as the things of one room do."""
    hues = random.uniform(0.0, 1.0, 3)
    colors = np.array(
        [_draw_colors(random, hues if random.random() < 0.5 else random.uniform(0, 1, 3)) for _ in range(count)]
    )
    frequency = np.exp(random.uniform(np.log(1.0), np.log(7.0), (count, 1)))
    stretch = np.where(random.random((count, 1)) < 0.3, random.uniform(0.4, 2.5, (count, 3)), 1.0)
    is_plain = random.random(count) < 0.35
    return Materials(
        torch.from_numpy(np.where(is_plain, 0, random.integers(1, len(PATTERNS), count))),
        torch.from_numpy(colors).float(),
        torch.from_numpy(frequency * stretch).float(),
        torch.from_numpy(random.uniform(0.0, 20.0, (count, 3))).float(),
        torch.from_numpy(random.uniform(0.15, 1.0, count)).float(),
        torch.from_numpy((random.random(count) < _METAL_SHARE) * random.uniform(0.6, 1.0, count)).float(),
        tuple(int(seed) for seed in random.integers(0, 1 << 30, count)),
    )


def _draw_colors(random: np.random.Generator, hues: Floats) -> list[tuple[float, float, float]]:
    """Three that go together or contrast; linear."""
    # Most things are of muted colours, and rather bright than dark.
    saturation = 0.92 * random.random() ** 1.5
    value = random.uniform(0.3, 0.95) if random.random() < 0.8 else random.uniform(0.05, 0.3)
    colors = []
    for k in range(3):
        near = random.random() < 0.6
        hue = hues[0] + random.normal(0.0, 0.05) if near else hues[k]
        own_saturation = float(np.clip(saturation + random.normal(0.0, 0.15), 0.0, 0.95))
        own_value = float(np.clip(value * random.uniform(0.3, 1.6), 0.03, 0.95)) if k else value
        shown = colorsys.hsv_to_rgb(hue % 1.0, own_saturation, own_value)
        colors.append(tuple(channel**2.2 for channel in shown))
    return colors


def _plain(points: torch.Tensor, seed: int) -> torch.Tensor:
    return torch.zeros_like(points[:, :2])


def _checker(points: torch.Tensor, seed: int) -> torch.Tensor:
    # Off the lattice, which flat faces in the middle of things lie on.
    odd = ((points + 0.013).floor().sum(dim=1) % 2.0).abs()
    return _pair(odd, None)


def _stripes(points: torch.Tensor, seed: int) -> torch.Tensor:
    axis = seed % 3
    place = (points[:, axis] % 1.0) if seed % 2 else ((points[:, axis] + points[:, (axis + 1) % 3]) % 1.0)
    return _pair((place < 0.5).float(), ((place > 0.6) & (place < 0.7)).float())


def _clouds(points: torch.Tensor, seed: int) -> torch.Tensor:
    return _pair(_steepen(octaves(points, seed, 4), 3.0), _steepen(octaves(points + 31.7, seed + 9, 2), 2.0))


def _wood(points: torch.Tensor, seed: int) -> torch.Tensor:
    axis = seed % 3
    warped = points + 0.35 * (octaves(points * 0.7, seed, 2)[:, None] - 0.5)
    first, second = warped[:, (axis + 1) % 3], warped[:, (axis + 2) % 3]
    rings = (3.0 * (first.square() + second.square() + 0.09).sqrt()) % 1.0
    fine = torch.ones(3, device=points.device) * 14.0
    fine[axis] = 0.8
    return _pair(rings * rings, 0.35 * octaves(points * fine, seed + 5, 2))


def _marble(points: torch.Tensor, seed: int) -> torch.Tensor:
    veins = (points.sum(dim=1) * 2.0 + 6.0 * octaves(points, seed, 4)).sin().abs()
    return _pair(octaves(points * 0.5, seed + 5, 3), (1.0 - veins) ** 6)


def _cells(points: torch.Tensor, seed: int) -> torch.Tensor:
    border, number = cells(points, seed)
    return _pair(number, (border < 0.08).float())


def _tiles(points: torch.Tensor, seed: int) -> torch.Tensor:
    shifted = points + 0.031
    row = shifted[:, 2].floor()
    offset = 0.5 * (row % 2.0) * (seed % 2)
    across = torch.stack([shifted[:, 0] + offset, shifted[:, 1] + offset, shifted[:, 2]], dim=1)
    place = across % 1.0
    is_joint = ((place < 0.05) | (place > 0.95)).any(dim=1).float()
    return _pair(0.7 * value_noise(across.floor() * 7.3 + 0.5, seed), is_joint)


def _dots(points: torch.Tensor, seed: int) -> torch.Tensor:
    distance = ((points % 1.0) - 0.5).norm(dim=1)
    return _pair((distance < 0.33).float(), (distance < 0.16).float() * (seed % 2))


def _fade(points: torch.Tensor, seed: int) -> torch.Tensor:
    value = 0.5 + 0.5 * (points[:, seed % 3] * 1.5).sin()
    return _pair(value, 0.3 * octaves(points * 3.0, seed, 3))


def _speckles(points: torch.Tensor, seed: int) -> torch.Tensor:
    value = value_noise(points * 6.0, seed)
    return _pair((value > 0.72).float(), (value < 0.2).float())


PATTERNS: tuple[Pattern, ...] = (
    _plain, _checker, _stripes, _clouds, _wood, _marble, _cells, _tiles, _dots, _fade, _speckles,
)  # fmt: skip


def _pair(first: torch.Tensor, second: torch.Tensor | None) -> torch.Tensor:
    return torch.stack([first, torch.zeros_like(first) if second is None else second], dim=1).clamp(0.0, 1.0)


def _steepen(value: torch.Tensor, factor: float) -> torch.Tensor:
    return (0.5 + factor * (value - 0.5)).clamp(0.0, 1.0)
