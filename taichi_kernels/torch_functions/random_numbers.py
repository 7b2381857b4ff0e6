"""The hash of ``taichi_kernels.random_numbers`` on int64 tensors."""

from __future__ import annotations

import torch

_MASK = 0xFFFFFFFF


def hash_u32(x: torch.Tensor) -> torch.Tensor:
    """The PCG permutation of 32-bit values held in int64."""
    state = (x * 747796405 + 2891336453) & _MASK
    word = (((state >> ((state >> 28) + 4)) ^ state) * 277803737) & _MASK
    return (word >> 22) ^ word


def uniform_u32(seed: int, step: int, index: torch.Tensor, dimension: int) -> torch.Tensor:
    """32 random bits for each ``index`` (int64)."""
    # Filled on the device: a tensor made of a number of the host's would be copied there, which waits for the device.
    first = torch.full((), (seed + 0x9E3779B9 * dimension) & _MASK, dtype=torch.int64, device=index.device)
    x = hash_u32(hash_u32(first) ^ (step & _MASK))
    return hash_u32(x ^ index.long())


def uniform(seed: int, step: int, index: torch.Tensor, dimension: int) -> torch.Tensor:
    """Uniform in [0, 1), float32, for each ``index``."""
    return (uniform_u32(seed, step, index, dimension) >> 8).float() * (1.0 / 16777216.0)
