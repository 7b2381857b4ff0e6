"""Twin of ``taichi_kernels.occupancy``."""

from __future__ import annotations

import torch

from taichi_kernels.occupancy import CARVED, COARSE_FACTOR, SEEN
from taichi_kernels.twins.compositing import activate_density
from taichi_kernels.twins.random_numbers import uniform
from taichi_kernels.twins.rays import distort


def cell_centers(resolution: int, device: str | torch.device) -> torch.Tensor:
    """Centres [resolution^3, 3] float64 of all cells, in the order of their numbers."""
    steps = (torch.arange(resolution, dtype=torch.float64, device=device) + 0.5) / resolution
    z, y, x = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.stack([x, y, z], dim=-1).view(-1, 3)


def carve_view(
    resolution: int, camera: torch.Tensor, nearest: torch.Tensor, margin_px: float, flags: torch.Tensor
) -> None:
    """Flag the cells whose centre is in the picture, and those whose whole footprint is known and behind nothing."""
    height, width = nearest.shape
    row = camera[0].double()
    world_to_camera = row[:12].view(3, 4)
    p = cell_centers(resolution, camera.device) @ world_to_camera[:, :3].T + world_to_camera[:, 3]
    depth = -p[:, 2]
    is_ahead = (depth > 1e-6) & ((flags & CARVED) == 0)
    safe = torch.where(is_ahead, depth, 1.0)
    u, v = p[:, 0] / safe, -p[:, 1] / safe
    x, y = distort(u, v, row[16:])
    r2 = u * u + v * v
    stretch = 1.0 + r2 * (3.0 * row[16] + 5.0 * r2 * row[17])
    px, py = row[12] * x + row[14], row[13] * y + row[15]
    is_seen = is_ahead & (stretch > 0) & (px >= 0) & (py >= 0) & (px < width) & (py < height)
    is_whole = (px >= margin_px) & (py >= margin_px) & (px < width - margin_px) & (py < height - margin_px)
    surface = nearest[py.long().clamp(0, height - 1), px.long().clamp(0, width - 1)]
    radius = 3**0.5 / 2 / resolution
    footprint = radius / (depth - radius).clamp(min=1e-6) * torch.sqrt(1.0 + r2) * row[12:14].max()
    is_whole &= footprint * stretch.clamp(min=1.0) + 1.0 <= margin_px
    is_carved = is_seen & is_whole & (depth + radius < surface)
    flags |= is_seen.int() * SEEN | is_carved.int() * CARVED


def sample_cells(
    n: int, resolution: int, seed: int, step: int, candidates: torch.Tensor, cells: torch.Tensor, points: torch.Tensor
) -> None:
    """One candidate from each of ``n`` strata of the list, and a point inside it."""
    index = torch.arange(n, device=candidates.device)
    pick = index
    if n < len(candidates):
        stratum = torch.tensor(len(candidates), dtype=torch.float32) / n
        pick = ((index.float() + uniform(seed, step, index, 16)) * stratum).long().clamp(max=len(candidates) - 1)
    cell = candidates[pick].long()
    corner = torch.stack([cell % resolution, cell // resolution % resolution, cell // resolution**2], dim=1)
    jitter = torch.stack([uniform(seed, step, index, 17 + axis) for axis in range(3)], dim=1)
    cells[:n] = cell.int()
    points[:n] = (corner + jitter) / resolution


def update_densities(
    cells: torch.Tensor, raw_densities: torch.Tensor, densities: torch.Tensor, decay: float, step_length: float
) -> None:
    """A decaying maximum of optical thickness; each cell at most once in ``cells``."""
    index = cells.long()
    thickness = activate_density(raw_densities[: len(index), 0].double()).float() * step_length
    densities[index] = torch.maximum(densities[index] * decay, thickness)


def pack_bits(densities: torch.Tensor, threshold: float, bits: torch.Tensor, coarse_bits: torch.Tensor) -> None:
    """Bits of the cells above ``threshold``, and of the coarse blocks that hold one."""
    coarse = round(densities.shape[0] ** (1 / 3)) // COARSE_FACTOR
    is_dense = densities > threshold
    blocks = is_dense.view(coarse, COARSE_FACTOR, coarse, COARSE_FACTOR, coarse, COARSE_FACTOR)
    bits.copy_(_to_words(is_dense))
    coarse_bits.copy_(_to_words(blocks.amax(dim=(1, 3, 5)).view(-1)))


def _to_words(flags: torch.Tensor) -> torch.Tensor:
    """Booleans [n] as the bits of int32 words [n / 32], the first in the lowest bit."""
    shifts = torch.arange(32, device=flags.device)
    words = (flags.view(-1, 32).long() << shifts).sum(1)
    return torch.where(words >= 1 << 31, words - (1 << 32), words).int()
