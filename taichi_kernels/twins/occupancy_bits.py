"""Twin of ``taichi_kernels.occupancy_bits``."""

from __future__ import annotations

import torch

from taichi_kernels.bundles import COARSE_FACTOR, OccupancyBits
from taichi_kernels.occupancy import SURFACE


def pack_bits(densities: torch.Tensor, flags: torch.Tensor, threshold: float, occupied: OccupancyBits) -> None:
    """Bits of the cells above ``threshold``, with a captured surface, or that hold one of a finer cascade; and of the
    coarse blocks that hold one."""
    resolution, cascades = occupied.resolution, occupied.cascades
    quarter = resolution // 4
    is_surface = (densities > 0.0) & ((flags & SURFACE) != 0)
    is_dense = ((densities > threshold) | is_surface).view(cascades, resolution, resolution, resolution)
    for level in range(1, cascades):
        inner = (slice(quarter, 3 * quarter),) * 3
        is_dense[level][inner] |= _any_in_blocks(is_dense[level - 1], 2)
    occupied.bits.copy_(_to_words(is_dense.flatten()))
    blocks = torch.stack([_any_in_blocks(level, COARSE_FACTOR) for level in is_dense])
    occupied.coarse_bits.copy_(_to_words(blocks.flatten()))


def _any_in_blocks(cells: torch.Tensor, side: int) -> torch.Tensor:
    """Booleans [n, n, n] to [n / side, n / side, n / side]: whether any in a block is set."""
    n = cells.shape[0] // side
    return cells.view(n, side, n, side, n, side).amax(dim=(1, 3, 5))


def _to_words(flags: torch.Tensor) -> torch.Tensor:
    """Booleans [n] as the bits of int32 words [n / 32], the first in the lowest bit."""
    shifts = torch.arange(32, device=flags.device)
    words = (flags.view(-1, 32).long() << shifts).sum(1)
    return torch.where(words >= 1 << 31, words - (1 << 32), words).int()
