"""The two places where NVIDIA cards have an instruction Taichi can't reach, in Triton: vector reads and atomics in the
hash grid, tensor cores in the networks. Import nothing from here before ``available`` says so."""

import functools
import importlib.util

import torch


@functools.cache
def available() -> bool:
    """Whether Triton is installed and the card has what it compiles for (compute capability 8.0 and up)."""
    if importlib.util.find_spec("triton") is None or not torch.cuda.is_available():
        return False
    return torch.cuda.get_device_capability() >= (8, 0)
