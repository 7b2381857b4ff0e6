"""Twin of ``taichi_kernels.hash_grid``."""

from __future__ import annotations

import itertools

import torch

from taichi_kernels.bundles import ActiveSamples

_PRIMES = (1, 2654435761, 805459861, 2581050371)


def interpolate(points: torch.Tensor, layout: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Features [n, levels * columns] at ``points`` [n, d], differentiable in them and ``table`` [entries, columns]."""
    dimensions, features = points.shape[1], []
    for resolution, offset, size in layout.tolist():
        scaled = points.clamp(0.0, 1.0) * resolution
        cell = scaled.floor().long().clamp(max=resolution - 1)
        inside = (scaled - cell).to(table.dtype)
        total = torch.zeros(len(points), table.shape[1], dtype=table.dtype, device=table.device)
        for corner in itertools.product((0, 1), repeat=dimensions):
            weight = torch.ones_like(inside[:, 0])
            for axis in range(dimensions):
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
    active: ActiveSamples,
    layout: torch.Tensor,
    grad_features: torch.Tensor,
    grad_table: torch.Tensor,
) -> None:
    """Add autograd's gradient of ``interpolate`` to ``grad_table``."""
    count = int(active.count)
    table = torch.zeros_like(grad_table, dtype=torch.float64, requires_grad=True)
    interpolate(points[active.rows[:count].long()], layout, table).backward(grad_features[:count].double())
    assert table.grad is not None
    grad_table += table.grad.to(grad_table.dtype)


def encode_position_gradient(
    points: torch.Tensor,
    active: ActiveSamples,
    layout: torch.Tensor,
    table: torch.Tensor,
    grad_features: torch.Tensor,
    grad_points: torch.Tensor,
) -> None:
    """Add autograd's gradient of ``interpolate`` to ``grad_points``."""
    count = int(active.count)
    listed = active.rows[:count].long()
    chosen = points[listed].requires_grad_()
    interpolate(chosen, layout, table.double()).backward(grad_features[:count].double())
    assert chosen.grad is not None
    grad_points.index_add_(0, listed, chosen.grad)


def _row(corner: torch.Tensor, resolution: int, size: int) -> torch.Tensor:
    """Rows of cell corners [n, d] within their level: dense where all corners fit, else hashed."""
    dimensions, side = corner.shape[1], resolution + 1
    if side**dimensions <= size:
        return sum((corner[:, axis] * side**axis for axis in range(dimensions)), torch.zeros_like(corner[:, 0]))
    row = torch.zeros_like(corner[:, 0])
    for axis in range(dimensions):
        row ^= (corner[:, axis] * _PRIMES[axis]) & 0xFFFFFFFF
    return row % size
