"""``triton.jit`` with types, as Triton has none that can be relied on where it isn't installed."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import triton


class JitFunction(Protocol):
    """A function that Triton compiles: launched over a grid of programs, or called by another such function."""

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]: ...

    def __call__(self, *arguments: Any) -> Any: ...


def jit(do_not_specialize: Sequence[str] = ()) -> Callable[[Callable[..., Any]], JitFunction]:
    """Decorator: a Triton kernel, or a function that one calls.

    ``do_not_specialize``: numbers whose value the kernel is not compiled anew for.
    """

    def compile_later(function: Callable[..., Any]) -> JitFunction:
        compiled: JitFunction = triton.jit(function, do_not_specialize=list(do_not_specialize))
        return compiled

    return compile_later
