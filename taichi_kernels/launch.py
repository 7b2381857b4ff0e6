"""Kernels that launch without Taichi's per-argument bookkeeping, and the functions that they call.

A launch through ``ti.kernel`` spends some 30 microseconds a tensor in Python, looking up types that never change. Here
the compiled kernel is looked up by its tensors' dtypes and its template values alone, and the launch context is filled
directly: a tenth of the time. That goes through calls which are Taichi's own business, so it is done with the release
whose calls are known; with any other, kernels are called as everyone calls them.

A kernel takes what travels together as one argument: a dataclass, of whose fields the parameter's type names the
numbers (``numbers_of``: a struct) or the tensors (``tensors_of``: an argument pack). Taichi's own ways would cost time:

* A pack is memory on the device, and to make one takes three times as long as a launch. But tensors don't lie in it:
  they follow the other arguments. So each kernel keeps an empty pack for each of its bundles, and a launch takes as
  long as with a parameter for each tensor: 46 and 43 microseconds on a CPU, by Taichi's own calls 1060 and 190 (the
  least of three runs of ``benchmarks/launches.py``). Taichi knows what is in packs by its name alone: no two bundles of
  a kernel may have a tensor of the same name, and no variable in it that of one.
* A struct's numbers are copied to memory before a kernel's loop begins, and read from there in each round of inner
  loops, which slows the march of rays whose steps grow. So they are read where the kernel uses them.

In a struct the compiler may add numbers up in another order. Where that changes what a seed trains to, in the loss and
in Adam, they have parameters of their own.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import taichi as ti
import torch

# Taichi gives a CPU thread at least so many iterations of a loop at a time, whatever its configuration says: a loop of
# few but long iterations has to count this many for each of its own, or one thread runs them all.
CPU_BLOCK = 512

# Whether this is the release of Taichi whose inner calls are known here and in runtime (pyproject.toml asks for it).
LAUNCHES_DIRECTLY = ti.__version__ == (1, 7, 4)
if LAUNCHES_DIRECTLY:
    from taichi._lib import core
    from taichi.lang import impl
    from taichi.lang.argpack import ArgPackType
    from taichi.lang.expr import Expr
    from taichi.lang.struct import StructType
    from taichi.types.ndarray_type import NdarrayType

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


_NUMBERS = {float: ti.f32, int: ti.i32}


def numbers_of(bundle: type) -> Any:
    """The type of a kernel's parameter that takes a ``bundle``, a dataclass, for its fields of float and int."""
    kinds = {name: _NUMBERS[kind] for name, kind in _fields_of(bundle).items() if kind in _NUMBERS}
    numbers = ti.types.struct(**kinds)
    if LAUNCHES_DIRECTLY:
        numbers.from_taichi_object = functools.partial(_read_where_used, tuple(kinds))
    return numbers


def _read_where_used(names: tuple[str, ...], argument: Any) -> Any:
    """The members of a struct, for a kernel that has it as an argument."""
    place = core.DebugInfo(impl.get_runtime().get_current_src_info())
    reads = [Expr(core.make_get_element_expr(argument.ptr, (member,), place)) for member in range(len(names))]
    return types.SimpleNamespace(**dict(zip(names, reads, strict=True)))


def tensors_of(bundle: type) -> Any:
    """The type of a kernel's parameter that takes a ``bundle``, a dataclass, for its fields of torch.Tensor."""
    names = [name for name, kind in _fields_of(bundle).items() if kind is torch.Tensor]
    return ti.types.argpack(**{name: ti.types.ndarray() for name in names})


def _fields_of(bundle: type) -> dict[str, Any]:
    kinds = typing.get_type_hints(bundle)
    return {field.name: kinds[field.name] for field in dataclasses.fields(bundle)}


class KernelLauncher:
    """Calls one Taichi kernel. Tensors must be contiguous and keep their number of dimensions from call to call."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._kernel = ti.kernel(function)
        self._parameters = self._kernel._primal.arguments
        self._compiled: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        self.__doc__ = function.__doc__
        # Where each argument goes: by its index and by its slot, of which templates, compiled in, have none.
        self._templates: list[int] = []
        self._numbers: list[tuple[int, int, bool]] = []
        self._structs: list[tuple[int, int, list[tuple[str, bool]]]] = []
        # Tensors of bundles have their fields' names. Elements that are vectors take so many of the last dimensions.
        self._tensors: list[tuple[int, int, str, int]] = []
        self._packs: list[tuple[int, Any]] = []
        self._empty_packs: list[tuple[int, Any]] = []
        if LAUNCHES_DIRECTLY:
            self._place_arguments()

    def _place_arguments(self) -> None:
        packed: list[tuple[int, str]] = []
        slot = 0
        for index, parameter in enumerate(self._parameters):
            kind = parameter.annotation
            if kind is ti.template or isinstance(kind, ti.template):
                self._templates.append(index)
                continue
            if isinstance(kind, ArgPackType):
                self._packs.append((slot, kind))
                packed += [(index, name) for name in kind.members]
            elif isinstance(kind, StructType):
                fields = [(name, number == ti.f32) for name, number in kind.members.items()]
                self._structs.append((index, slot, fields))
            elif isinstance(kind, NdarrayType):
                self._tensors.append((index, slot, "", len(getattr(kind.dtype, "get_shape", tuple)())))
            else:
                self._numbers.append((index, slot, kind in (ti.f32, ti.f64)))
            slot += 1
        names = [name for _, name in packed]
        if len(set(names)) < len(names):
            raise TypeError(f"{self._kernel.__name__}: bundles with tensors of the same name among {', '.join(names)}")
        self._tensors += [(index, slot + place, name, 0) for place, (index, name) in enumerate(packed)]

    def __call__(self, *args: Any) -> None:
        """Launch with the kernel's arguments: tensors, numbers, bundles of them and template values."""
        if not LAUNCHES_DIRECTLY:
            self.launch_publicly(*args)
            return
        tensors = [getattr(args[index], name) if name else args[index] for index, _, name, _ in self._tensors]
        key = tuple([args[index] for index in self._templates] + [tensor.dtype for tensor in tensors])
        if key not in self._compiled:
            self._compiled[key] = self._compile(args)
        native, compiled = self._compiled[key]
        context = native.make_launch_context()
        for index, slot, is_float in self._numbers:
            if is_float:
                context.set_arg_float((slot,), args[index])
            else:
                context.set_arg_int((slot,), args[index])
        for index, slot, fields in self._structs:
            for member, (name, is_float) in enumerate(fields):
                if is_float:
                    context.set_struct_arg_float((slot, member), getattr(args[index], name))
                else:
                    context.set_struct_arg_int((slot, member), getattr(args[index], name))
        for slot, pack in self._empty_packs:
            context.set_arg_argpack((slot,), pack)
        for tensor, (index, slot, name, element_dimensions) in zip(tensors, self._tensors, strict=True):
            if not tensor.is_contiguous():
                label = f"{self._kernel.__name__}: {self._parameters[index].name}{'.' if name else ''}{name}"
                raise ValueError(f"{label}: the tensor is not contiguous")
            shape = tensor.shape[: tensor.ndim - element_dimensions]
            context.set_arg_external_array_with_shape(
                (slot,), tensor.data_ptr(), tensor.element_size() * tensor.nelement(), tuple(shape), 0
            )
        impl.get_runtime().prog.launch_kernel(compiled, context)

    def launch_publicly(self, *args: Any) -> None:
        """The same launch by Taichi's own calls, at ten times the price."""
        self._kernel(*self._as_taichi_takes(args))

    def _compile(self, args: tuple[Any, ...]) -> tuple[Any, Any]:
        program, primal = impl.get_runtime().prog, self._kernel._primal
        native = primal.compiled_kernels[primal.ensure_compiled(*self._as_taichi_takes(args))]
        if not self._empty_packs:
            self._empty_packs = [(slot, program.create_argpack(kind.dtype)) for slot, kind in self._packs]
        return native, program.compile_kernel(program.config(), program.get_device_caps(), native)

    def _as_taichi_takes(self, args: tuple[Any, ...]) -> list[Any]:
        """The arguments with a struct or pack of Taichi's for each bundle."""
        kinds = [parameter.annotation for parameter in self._parameters]
        return [
            kind(**{name: getattr(value, name) for name in kind.members}) if hasattr(kind, "members") else value
            for kind, value in zip(kinds, args, strict=True)
        ]


def kernel(function: Callable[..., None]) -> KernelLauncher:
    """Decorator: a Taichi kernel over torch tensors with a cheap launch."""
    return KernelLauncher(function)


def func(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorator: a function that kernels call. It is ``ti.func``, which has no types, with the one that is kept."""
    in_kernels: Callable[Parameters, Result] = ti.func(function)
    return in_kernels
