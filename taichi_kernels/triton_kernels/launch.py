"""``triton.jit`` with types, as Triton has none that can be relied on where it isn't installed, and a cheap launch.

A launch through Triton's own ``kernel[grid](...)`` looks up what the kernel was compiled for, and compares each global
constant that it uses with what that was: work of the host, which a training step has done four times. What such a call
returns is the compiled kernel, which is launched here from then on, with arguments of the same kind (as Triton's own
tutorials do; it takes all of them since Triton 3.3).
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
import triton

_ALIGNED = 16  # bytes: Triton compiles for addresses that are multiples of this, or for any
_MOST_INT32 = 2**31 - 1


class JitFunction(Protocol):
    """A function that Triton compiles, to be called by others and by kernels."""

    def __call__(self, *arguments: Any) -> Any: ...


def func(function: Callable[..., Any]) -> JitFunction:
    """Decorator: a function that kernels call."""
    compiled: JitFunction = triton.jit(function)
    return compiled


class KernelLauncher:
    """Launches one Triton kernel, on the one device that a process uses. ``counts``: positions of the numbers whose
    value the kernel is not compiled anew for; ``options``: Triton's, as ``num_warps``."""

    def __init__(self, function: Callable[..., None], counts: Sequence[int], options: dict[str, int]) -> None:
        self._function = triton.jit(function, do_not_specialize=list(counts))
        self._counts, self._options = frozenset(counts), options
        self._compiled: dict[tuple[Any, ...], Any] = {}
        self.__doc__ = function.__doc__

    def __call__(self, grid: tuple[int, int, int], *arguments: Any) -> None:
        """Launch over ``grid`` programs with all the kernel's arguments, by position."""
        key = tuple([self._kind(position, argument) for position, argument in enumerate(arguments)])
        compiled = self._compiled.get(key)
        if compiled is None:
            self._compiled[key] = self._function[grid](*arguments, **self._options)
        else:
            compiled[grid](*arguments)

    def _kind(self, position: int, argument: Any) -> Any:
        """What a kernel is compiled for."""
        if isinstance(argument, torch.Tensor):
            return argument.dtype, argument.data_ptr() % _ALIGNED == 0
        return argument > _MOST_INT32 if position in self._counts else argument


def kernel(*counts: int, **options: int) -> Callable[[Callable[..., None]], KernelLauncher]:
    """Decorator: a kernel; see KernelLauncher."""
    return lambda function: KernelLauncher(function, counts, options)
