"""The two places where NVIDIA cards have an instruction Taichi can't reach, in Triton: vector reads and atomics in the
hash grid, tensor cores in the networks. Import nothing from here before ``available`` says so."""

import contextlib
import functools
import importlib.util
from collections.abc import Iterator

import torch

_in_use = True


def available() -> bool:
    """Whether Triton is installed and the card has what it compiles for (compute capability 8.0 and up)."""
    return _in_use and _found()


@contextlib.contextmanager
def switched_off() -> Iterator[None]:
    """Have Taichi and torch do all meanwhile, as where there is no such card: to compare the two. A field takes the
    networks' kernels or not when it is built, so it is to be built inside too."""
    global _in_use
    before, _in_use = _in_use, False
    try:
        yield
    finally:
        _in_use = before


@functools.cache
def _found() -> bool:
    if importlib.util.find_spec("triton") is None or not torch.cuda.is_available():
        return False
    return torch.cuda.get_device_capability() >= (8, 0)
