"""Twin of ``taichi_kernels.hash_grid``."""

from __future__ import annotations

import itertools

import torch

_PRIMES = (1, 2654435761, 805459861)


def interpolate(points: torch.Tensor, layout: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Features [n, levels * columns] at ``points`` [n, 3], differentiable in ``table`` [entries, columns]."""
    features = []
    for resolution, offset, size in layout.tolist():
        scaled = points.clamp(0.0, 1.0) * resolution
        cell = scaled.floor().long().clamp(max=resolution - 1)
        inside = (scaled - cell).to(table.dtype)
        total = torch.zeros(len(points), table.shape[1], dtype=table.dtype, device=table.device)
        for corner in itertools.product((0, 1), repeat=3):
            weight = torch.ones_like(inside[:, 0])
            for axis in range(3):
                weight = weight * (inside[:, axis] if corner[axis] else 1.0 - inside[:, axis])
            row = _row(cell + torch.tensor(corner, device=cell.device), resolution, size)
            total = total + weight[:, None] * table[offset + row]
        features.append(total)
    return torch.cat(features, dim=1)


def encode(points: torch.Tensor, layout: torch.Tensor, table: torch.Tensor, features: torch.Tensor) -> None:
    """Write ``interpolate``, worked out in float64, to ``features``."""
    features.copy_(interpolate(points, layout, table.double()))


def encode_backward(
    points: torch.Tensor,
    rows: torch.Tensor,
    row_count: torch.Tensor,
    layout: torch.Tensor,
    grad_features: torch.Tensor,
    grad_table: torch.Tensor,
) -> None:
    """Add autograd's gradient of ``interpolate`` to ``grad_table``."""
    count = int(row_count)
    table = torch.zeros_like(grad_table, dtype=torch.float64, requires_grad=True)
    interpolate(points[rows[:count].long()], layout, table).backward(grad_features[:count].double())
    assert table.grad is not None
    grad_table += table.grad.to(grad_table.dtype)


def _row(corner: torch.Tensor, resolution: int, size: int) -> torch.Tensor:
    """Rows of cell corners [n, 3] within their level: dense where all corners fit, else hashed."""
    side = resolution + 1
    if side**3 <= size:
        return corner[:, 0] + corner[:, 1] * side + corner[:, 2] * side * side
    hashed = [(corner[:, axis] * _PRIMES[axis]) & 0xFFFFFFFF for axis in range(3)]
    return (hashed[0] ^ hashed[1] ^ hashed[2]) % size
