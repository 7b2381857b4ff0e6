"""Kernels that launch without Taichi's per-argument bookkeeping, and the functions that they call.

A launch through ``ti.kernel`` spends some 30 microseconds a tensor in Python, looking up types that never change. Here
the compiled kernel is looked up by its tensors' dtypes and its template values alone, and the launch context is filled
directly: a tenth of the time. That goes through calls which are Taichi's own business, so it is done with the release
whose calls are known; with any other, kernels are called as everyone calls them.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import taichi as ti

# Taichi gives a CPU thread at least so many iterations of a loop at a time, whatever its configuration says: a loop of
# few but long iterations has to count this many for each of its own, or one thread runs them all.
CPU_BLOCK = 512

# Whether this is the release of Taichi whose inner calls are known here and in runtime (pyproject.toml asks for it).
LAUNCHES_DIRECTLY = ti.__version__ == (1, 7, 4)
if LAUNCHES_DIRECTLY:
    from taichi.lang import impl
    from taichi.types.ndarray_type import NdarrayType

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class KernelLauncher:
    """Calls one Taichi kernel. Tensors must be contiguous and keep their number of dimensions from call to call."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._kernel = ti.kernel(function)
        self._compiled: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        self._template_slots: list[int] = []
        self._setters: list[tuple[int, int, str]] = []
        # How many of a tensor's last dimensions make one element, of vectors and matrices.
        self._element_dimensions: dict[int, int] = {}
        self.__doc__ = function.__doc__
        if LAUNCHES_DIRECTLY:
            self._read_arguments()

    def _read_arguments(self) -> None:
        slot = 0
        for index, argument in enumerate(self._kernel._primal.arguments):
            annotation = argument.annotation
            if annotation is ti.template or isinstance(annotation, ti.template):
                self._template_slots.append(index)
                continue
            if isinstance(annotation, NdarrayType):
                kind = "tensor"
                self._element_dimensions[index] = len(getattr(annotation.dtype, "get_shape", tuple)())
            else:
                kind = "float" if annotation in (ti.f32, ti.f64) else "int"
            self._setters.append((index, slot, kind))
            slot += 1

    def __call__(self, *args: Any) -> None:
        """Launch with the kernel's arguments: tensors, numbers and template values."""
        if not LAUNCHES_DIRECTLY:
            self._kernel(*args)
            return
        key = tuple([args[index] for index in self._template_slots])
        key += tuple([args[index].dtype for index, _, kind in self._setters if kind == "tensor"])
        program = impl.get_runtime().prog
        if key not in self._compiled:
            primal = self._kernel._primal
            native = primal.compiled_kernels[primal.ensure_compiled(*args)]
            compiled = program.compile_kernel(program.config(), program.get_device_caps(), native)
            self._compiled[key] = (native, compiled)
        native, compiled = self._compiled[key]
        context = native.make_launch_context()
        for index, slot, kind in self._setters:
            value = args[index]
            if kind == "tensor":
                if not value.is_contiguous():
                    raise ValueError(f"argument {index} of {self._kernel.__name__}: the tensor is not contiguous")
                shape = value.shape[: value.ndim - self._element_dimensions[index]]
                context.set_arg_external_array_with_shape(
                    (slot,), value.data_ptr(), value.element_size() * value.nelement(), tuple(shape), 0
                )
            elif kind == "float":
                context.set_arg_float((slot,), value)
            else:
                context.set_arg_int((slot,), value)
        program.launch_kernel(compiled, context)


def kernel(function: Callable[..., None]) -> KernelLauncher:
    """Decorator: a Taichi kernel over torch tensors with a cheap launch."""
    return KernelLauncher(function)


def func(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorator: a function that kernels call. It is ``ti.func``, which has no types, with the one that is kept."""
    in_kernels: Callable[Parameters, Result] = ti.func(function)
    return in_kernels
