"""Twin of ``taichi_kernels.surfaces.distance_grid``: all rays a step at a time."""

from __future__ import annotations

import torch

from taichi_kernels.bundles import Rays
from taichi_kernels.surfaces.distance_grid import LEAST_STEP, MOST_STEPS, TRUSTED


def skip_empty_space(grid: torch.Tensor, rays: Rays) -> None:
    """As the kernel."""
    cells = grid.shape[0] - 1
    t, far = rays.t_range.unbind(1)
    goes_on = t < far
    for _ in range(MOST_STEPS):
        points = rays.origins + t[:, None] * rays.directions
        vertices = (points * cells).round().clamp(0.0, cells)
        x, y, z = vertices.long().unbind(1)
        free = TRUSTED * grid[x, y, z] - (points - vertices / cells).norm(dim=1)
        goes_on = goes_on & (t < far) & (free * cells >= LEAST_STEP)
        if not bool(goes_on.any()):
            break
        t = torch.where(goes_on, t + free, t)
    rays.t_range[:, 0] = torch.minimum(t, far)
