"""Closed surfaces of triangles [n, 3, 3], which face outwards."""

from __future__ import annotations

import torch

_SQUARES = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]


def box(low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    """A cube of 12 triangles. Without its first two it lacks the side of the lowest z."""
    bits = torch.arange(8)[:, None] >> torch.arange(3) & 1
    corners = low + (high - low) * bits.float()
    faces = [(a, b, c) for square in _SQUARES for a, b, c in (square[:3], (square[0], square[2], square[3]))]
    return corners[torch.tensor(faces)]


def sphere(radius: float = 1.0, rounds: int = 3) -> torch.Tensor:
    """A cube that is split so many times, its corners drawn onto the sphere around the origin: 12 * 4^rounds."""
    triangles = box(-1.0, 1.0)
    for _ in range(rounds):
        a, b, c = triangles.unbind(1)
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        parts = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
        triangles = torch.cat([torch.stack(part, dim=1) for part in parts])
    return radius * torch.nn.functional.normalize(triangles, dim=2)
