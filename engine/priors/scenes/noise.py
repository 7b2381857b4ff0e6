"""Functions of space that look irregular: value noise (Perlin 1985), sums of octaves, cells (Worley 1996)."""

from __future__ import annotations

import torch

from taichi_kernels.torch_functions.random_numbers import hash_u32

_PRIMES = (73856093, 19349663, 83492791)
_MASK = 0xFFFFFFFF
_OCTAVE_SHIFT = 17.13  # octaves must not share the lattice's origin
_CELL_JITTER = 0.7  # of its cell's width, about the middle, that a point may be anywhere in


def value_noise(points: torch.Tensor, seed: int) -> torch.Tensor:
    """Smooth values [n] in 0..1 at ``points`` [n, 3], which vary over a length of 1."""
    low = points.floor()
    share = points - low
    share = share * share * (3.0 - 2.0 * share)
    values = _hash(low.long()[:, None] + _corners(points.device), seed)
    for axis in range(3):
        half = values.shape[1] // 2
        values = torch.lerp(values[:, :half], values[:, half:], share[:, axis, None])
    return values[:, 0]


def octaves(points: torch.Tensor, seed: int, count: int) -> torch.Tensor:
    """Noise [n] in 0..1 of ``count`` octaves, each twice as fine and half as strong as the one before."""
    total, weights = torch.zeros_like(points[:, 0]), 0.0
    for octave in range(count):
        weight = 0.5**octave
        total += weight * value_noise(points * 2.0**octave + _OCTAVE_SHIFT * octave, seed + octave)
        weights += weight
    return total / weights


def cells(points: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """For ``points`` [n, 3] in space that is divided into cells of about 1: how far their cell's middle is nearer than
    the next one's [n], 0 on borders, and a number of the cell [n] in 0..1."""
    lattice = (points - 0.5).floor().long()[:, None] + _corners(points.device)
    jitter = torch.stack([_hash(lattice, seed + axis) for axis in range(3)], dim=-1)
    middles = lattice + 0.5 + _CELL_JITTER * (jitter - 0.5)
    distances, order = (middles - points[:, None]).norm(dim=-1).topk(2, dim=1, largest=False)
    return distances[:, 1] - distances[:, 0], _hash(lattice, seed + 3).gather(1, order[:, :1])[:, 0]


def _corners(device: torch.device) -> torch.Tensor:
    """Corners of a cube, [8, 3] int64, the first four with an x of 0, and so on."""
    return torch.arange(8, device=device)[:, None] >> torch.arange(2, -1, -1, device=device) & 1


def _hash(lattice: torch.Tensor, seed: int) -> torch.Tensor:
    """A number in 0..1 for each of the ``lattice`` [..., 3] int64."""
    x, y, z = (lattice[..., axis] * prime for axis, prime in enumerate(_PRIMES))
    return hash_u32(((x ^ y ^ z) + 0x9E3779B9 * seed) & _MASK).float() / _MASK
