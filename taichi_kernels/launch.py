"""Kernels that launch without Taichi's per-argument bookkeeping, and the functions that they call.

A launch through ``ti.kernel`` spends some 30 microseconds a tensor in Python, looking up types that never change. Here
the compiled kernel is looked up by its tensors' dtypes and its template values alone, and the launch context is filled
directly: a tenth of the time. That goes through calls which are Taichi's own business, so it is done with the release
whose calls are known; with any other, kernels are called as everyone calls them.

A kernel takes what travels together as one argument: a dataclass, of whose fields the parameter's type names the
numbers (``numbers_of``: a struct) or the tensors (``tensors_of``: an argument pack). Taichi's own ways would cost time:

* A pack is memory on the device, and to make one takes three times as long as a launch. But tensors don't lie in it:
  they follow the other arguments. So each kernel keeps an empty pack for each of its bundles, and a launch takes about
  as long as with a parameter for each tensor (``benchmarks/launches.py``). Taichi knows what is in packs by its name
  alone: no two bundles of a kernel may have a tensor of the same name, and no variable in it that of one.
* A struct's numbers are copied to memory before a kernel's loop begins, and read from there in each round of inner
  loops, which slows the march of rays whose steps grow. So they are read where the kernel uses them.

Some parameters stay by themselves. What is compiled in, a template, can't be in a bundle. In a struct the compiler may
add numbers up in another order: where that changes what a seed trains to, in the loss and in Adam, they have parameters
of their own. And a bundle that only one kernel takes would save no time: three bundles take 44 us where ten parameters
take 37, on the host of an H200.
"""

import dataclasses
import functools
import operator
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
_Place = tuple[int, ...]
_Reader = Callable[[Any], tuple[Any, ...]]


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


def _reader_of(names: list[str]) -> _Reader:
    """Reads the fields of these names, at the cost of one look where there are several."""
    read = operator.attrgetter(*names)
    return read if len(names) > 1 else lambda bundle: (read(bundle),)


class KernelLauncher:
    """Calls one Taichi kernel. Tensors must be contiguous and keep their number of dimensions from call to call."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._kernel = ti.kernel(function)
        self._parameters = self._kernel._primal.arguments
        self._compiled: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        self.__doc__ = function.__doc__
        # Where each argument goes: by its index and by its slot, of which templates, compiled in, have none. Whether
        # numbers are floats.
        self._templates: list[int] = []
        self._numbers: list[tuple[int, _Place, bool]] = []
        self._structs: list[tuple[int, _Reader, list[tuple[_Place, bool]]]] = []
        # Tensors of their own, then those of bundles, which are read from these. Elements that are vectors take so many
        # of the last dimensions; the last is what the tensor is called.
        self._tensors: list[int] = []
        self._bundles: list[tuple[int, _Reader]] = []
        self._tensor_places: list[tuple[_Place, int, str]] = []
        self._packs: list[tuple[_Place, Any]] = []
        self._empty_packs: list[tuple[_Place, Any]] = []
        # The packs that kernels were compiled with stay for good. The compiler leaves them in cycles, so Python would
        # free them in whichever thread its garbage collector happens to run: a pack that another thread than the
        # launching one frees aborts the process on CUDA.
        self._compiled_with: list[Any] = []
        if LAUNCHES_DIRECTLY:
            self._place_arguments()

    def _place_arguments(self) -> None:
        packed: list[str] = []
        labels: list[str] = []
        slot = 0
        for index, parameter in enumerate(self._parameters):
            kind = parameter.annotation
            if kind is ti.template or isinstance(kind, ti.template):
                self._templates.append(index)
                continue
            if isinstance(kind, ArgPackType):
                self._packs.append(((slot,), kind))
                self._bundles.append((index, _reader_of(list(kind.members))))
                packed += kind.members
                labels += [f"{parameter.name}.{name}" for name in kind.members]
            elif isinstance(kind, StructType):
                places: list[tuple[_Place, bool]] = [
                    ((slot, member), bool(number == ti.f32)) for member, number in enumerate(kind.members.values())
                ]
                self._structs.append((index, _reader_of(list(kind.members)), places))
            elif isinstance(kind, NdarrayType):
                self._tensors.append(index)
                element_dimensions = len(getattr(kind.dtype, "get_shape", tuple)())
                self._tensor_places.append(((slot,), element_dimensions, parameter.name))
            else:
                self._numbers.append((index, (slot,), kind in (ti.f32, ti.f64)))
            slot += 1
        if len(set(packed)) < len(packed):
            raise TypeError(f"{self._kernel.__name__}: bundles with tensors of the same name among {', '.join(packed)}")
        self._tensor_places += [((slot + place,), 0, label) for place, label in enumerate(labels)]

    def __call__(self, *args: Any) -> None:
        """Launch with the kernel's arguments: tensors, numbers, bundles of them and template values."""
        if not LAUNCHES_DIRECTLY:
            self.launch_publicly(*args)
            return
        tensors = [args[index] for index in self._tensors]
        for index, read in self._bundles:
            tensors += read(args[index])
        key = tuple([args[index] for index in self._templates] + [tensor.dtype for tensor in tensors])
        if key not in self._compiled:
            self._compiled[key] = self._compile(args)
        native, compiled = self._compiled[key]
        context = native.make_launch_context()
        for index, place, is_float in self._numbers:
            (context.set_arg_float if is_float else context.set_arg_int)(place, args[index])
        for index, read, places in self._structs:
            for number, (place, is_float) in zip(read(args[index]), places, strict=True):
                (context.set_struct_arg_float if is_float else context.set_struct_arg_int)(place, number)
        for place, pack in self._empty_packs:
            context.set_arg_argpack(place, pack)
        for tensor, (place, element_dimensions, label) in zip(tensors, self._tensor_places, strict=True):
            if not tensor.is_contiguous():
                raise ValueError(f"{self._kernel.__name__}: {label}: the tensor is not contiguous")
            shape = tensor.shape[:-element_dimensions] if element_dimensions else tensor.shape
            context.set_arg_external_array_with_shape(place, tensor.data_ptr(), tensor.nbytes, shape, 0)
        impl.get_runtime().prog.launch_kernel(compiled, context)

    def launch_publicly(self, *args: Any) -> None:
        """The same launch by Taichi's own calls, at ten times the price."""
        self._kernel(*self._as_taichi_takes(args))

    def _compile(self, args: tuple[Any, ...]) -> tuple[Any, Any]:
        program, primal = impl.get_runtime().prog, self._kernel._primal
        stand_ins = self._as_taichi_takes(args, _stand_in_for)
        self._compiled_with += [stand_ins[index] for index, _ in self._bundles]
        native = primal.compiled_kernels[primal.ensure_compiled(*stand_ins)]
        if not self._empty_packs:
            self._empty_packs = [(place, program.create_argpack(kind.dtype)) for place, kind in self._packs]
        return native, program.compile_kernel(program.config(), program.get_device_caps(), native)

    def _as_taichi_takes(self, args: tuple[Any, ...], member: Callable[[Any], Any] = lambda value: value) -> list[Any]:
        """The arguments with a struct or pack of Taichi's for each bundle, whose members are what ``member`` makes of
        its fields."""
        kinds = [parameter.annotation for parameter in self._parameters]
        return [
            kind(**{name: member(getattr(value, name)) for name in kind.members}) if hasattr(kind, "members") else value
            for kind, value in zip(kinds, args, strict=True)
        ]


def _stand_in_for(value: Any) -> Any:
    """A tensor that is compiled for as ``value`` is, and holds next to nothing."""
    return value.new_empty((1,) * value.dim()) if isinstance(value, torch.Tensor) else value


def kernel(function: Callable[..., None]) -> KernelLauncher:
    """Decorator: a Taichi kernel over torch tensors with a cheap launch."""
    return KernelLauncher(function)


def func(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorator: a function that kernels call. It is ``ti.func``, which has no types, with the one that is kept."""
    in_kernels: Callable[Parameters, Result] = ti.func(function)
    return in_kernels
