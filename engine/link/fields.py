"""A message's fields, from JSON into the types that its dataclass declares, or a LinkError that names the field.

A field whose type is a ``Tagged`` dataclass, or a union of some, is a tagged union: its JSON object names by ``kind``
which of them it is. Array fields of such a part are named ``FIELD.ARRAY``.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from engine.link.arrays import Numbers
from engine.link.errors import LinkError
from engine.link.geometry import Bounds, Camera, GeometryError
from engine.link.message_types import ArraySpec, BytesSpec, Count, Pattern, PixelsSpec, TableSpec, Tagged
from engine.link.values import ANY, Limits, ValueRefused, finite, shorten, whole

MAX_DEPTH = 16  # lists and objects within each other
_TEXT = Count(0, 8192)  # characters
_ITEMS = Count(0, 50_000)  # views, settings
_WHOLE = Limits(-(2**63), 2**63 - 1)

KIND = "kind"  # what the tag of a tagged union is called
_NO_ARRAYS: Mapping[str, Numbers] = {}

Reader = Callable[[str, Any], Any]  # (where, JSON value) -> value, or LinkError


def array_fields(where: str, cls: Any, values: Any) -> dict[str, ArraySpec]:
    """The array fields of a message of class ``cls`` whose other fields are ``values`` (JSON), those of its tagged
    parts included, and what each may hold. Raises LinkError for a part of unknown kind."""
    specs = dict(_own_arrays(cls))
    for name, classes in _tagged_fields(cls).items():
        if (value := values.get(name)) is not None:
            inner = array_fields(f"{where}.{name}", _class_of(f"{where}.{name}", classes, value), value)
            specs |= {f"{name}.{array}": spec for array, spec in inner.items()}
    return specs


@functools.cache
def _own_arrays(cls: Any) -> dict[str, ArraySpec]:
    specs: dict[str, ArraySpec] = {}
    for name, hint in _hints(cls).items():
        for part in (hint, *typing.get_args(hint)):
            if typing.get_origin(part) is Annotated and isinstance(
                part.__metadata__[0], PixelsSpec | BytesSpec | TableSpec
            ):
                specs[name] = part.__metadata__[0]
    return specs


@functools.cache
def _tagged_fields(cls: Any) -> dict[str, dict[str, type[Tagged]]]:
    return {name: classes for name, hint in _hints(cls).items() if (classes := _tagged_classes(hint))}


def _tagged_classes(hint: Any) -> dict[str, type[Tagged]]:
    """The classes of a tagged union by kind; none where ``hint`` is something else."""
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    parts = [part for part in (typing.get_args(hint) if is_union else (hint,)) if part is not types.NoneType]
    if not all(isinstance(part, type) and issubclass(part, Tagged) for part in parts):
        return {}
    return {part.kind: part for part in parts}


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


@functools.cache
def _readers(cls: Any) -> dict[str, Reader]:
    return {name: _make_reader(hint) for name, hint in _hints(cls).items() if name not in _own_arrays(cls)}


def read_fields(where: str, cls: Any, values: Any, arrays: Mapping[str, Numbers]) -> dict[str, Any]:
    """Check and convert ``values`` (JSON) and join ``arrays`` to them: the arguments of ``cls``. ``where`` names it in
    errors."""
    readers, tagged = _readers(cls), _tagged_fields(cls)
    if misplaced := sorted(values.keys() & _own_arrays(cls).keys()):
        raise LinkError(f"{where}.{misplaced[0]}: expected an array, got {shorten(values[misplaced[0]])}")
    if unknown := sorted(shorten(name) for name in values if name not in readers):
        raise LinkError(f"{where}: unknown field {', '.join(unknown[:3])}")
    present: dict[str, Any] = {}
    for name, value in values.items():
        if name in tagged and value is not None:
            prefix = f"{name}."
            inner = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
            present[name] = _read_tagged(tagged[name], f"{where}.{name}", value, inner)
        else:
            present[name] = readers[name](f"{where}.{name}", value)
    present |= {name: array for name, array in arrays.items() if "." not in name}
    for field in dataclasses.fields(cls):
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and field.name not in present:
            raise LinkError(f"{where}: missing field {field.name}")
    return present


def read_dataclass(where: str, cls: Any, value: Any) -> Any:
    """A ``cls`` from a JSON object; ``where`` names it in errors."""
    if not isinstance(value, dict):
        raise LinkError(f"{where}: expected an object, got {type(value).__name__}")
    return cls(**read_fields(where, cls, value, {}))


def read_value(where: str, hint: Any, value: Any) -> Any:
    """A value from JSON into the type ``hint``; ``where`` names it in errors."""
    return _make_reader(hint)(where, value)


def _class_of(where: str, classes: Mapping[str, type[Tagged]], value: Any) -> type[Tagged]:
    """Which of ``classes`` the JSON object ``value`` says that it is."""
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    if KIND not in value:
        raise LinkError(f"{where}: missing field {KIND}")
    kind = value[KIND]
    if not isinstance(kind, str) or kind not in classes:
        raise LinkError(f"{where}: unknown kind {shorten(kind)}, expected {' or '.join(map(repr, classes))}")
    return classes[kind]


def _read_tagged(
    classes: Mapping[str, type[Tagged]], where: str, value: Any, arrays: Mapping[str, Numbers] = _NO_ARRAYS
) -> Tagged:
    cls = _class_of(where, classes, value)
    rest = {name: item for name, item in value.items() if name != KIND}
    return cls(**read_fields(where, cls, rest, arrays))


def _make_reader(hint: Any) -> Reader:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        limits = arguments[1]
        if isinstance(limits, Pattern):
            return functools.partial(_read_pattern, limits)
        if isinstance(limits, Count):
            return _make_counted_reader(arguments[0], limits)
        return _make_number_reader(arguments[0], limits)
    if origin is Literal:
        return functools.partial(_read_literal, arguments)
    if classes := _tagged_classes(hint):
        read = functools.partial(_read_tagged, classes)
        return functools.partial(_read_optional, read) if types.NoneType in arguments else read
    if origin in (types.UnionType, typing.Union):
        (inner,) = [argument for argument in arguments if argument is not types.NoneType]
        return functools.partial(_read_optional, _make_reader(inner))
    if hint in (Camera, Bounds):
        return functools.partial(_read_geometry, hint)
    if dataclasses.is_dataclass(hint):
        return lambda where, value: read_dataclass(where, hint, value)
    if hint is bool:
        return _read_bool
    if hint is Any:
        return functools.partial(_read_any, 0)
    if hint in (int, float):
        return _make_number_reader(hint, _WHOLE if hint is int else ANY)
    return _make_counted_reader(hint, _TEXT if hint is str else _ITEMS)


def _make_number_reader(hint: Any, limits: Limits) -> Reader:
    read: Callable[[Any, Limits], float] = whole if hint is int else finite
    return functools.partial(_read_number, read, limits)


def _make_counted_reader(hint: Any, limits: Count) -> Reader:
    """The reader of a text, a list or an object of so many characters or items."""
    if hint is str:
        return functools.partial(_read_text, limits)
    if typing.get_origin(hint) is tuple:
        return functools.partial(_read_list, _make_reader(typing.get_args(hint)[0]), limits)
    key, item = map(_make_reader, typing.get_args(hint))
    return functools.partial(_read_dict, key, item, limits)


def _wrong(where: str, wanted: str, value: Any) -> LinkError:
    return LinkError(f"{where}: expected {wanted}, got {shorten(value)}")


def _read_bool(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, "true or false", value)
    return value


def _read_number(read: Callable[[Any, Limits], float], limits: Limits, where: str, value: Any) -> float:
    try:
        return read(value, limits)
    except ValueRefused as error:
        raise LinkError(f"{where}: {error}") from None


def _read_text(limits: Count, where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(where, "text", value)
    _check_count(limits, where, len(value), "characters")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _wrong(where, "printable text", value)
    return value


def _read_pattern(pattern: Pattern, where: str, value: Any) -> str:
    if not isinstance(value, str) or not pattern.matches(value):
        raise _wrong(where, pattern.words, value)
    return value


def _read_any(depth: int, where: str, value: Any) -> Any:
    """Any JSON value, free of NaN and infinity, and not too deep."""
    if depth > MAX_DEPTH:
        raise LinkError(f"{where[:200]}: nested more than {MAX_DEPTH} deep")
    inner = functools.partial(_read_any, depth + 1)
    if isinstance(value, list):
        return _read_list(inner, _ITEMS, where, value)
    if isinstance(value, dict):
        return _read_dict(functools.partial(_read_text, _TEXT), inner, _ITEMS, where, value)
    if isinstance(value, str):
        return _read_text(_TEXT, where, value)
    if isinstance(value, float):
        return _read_number(finite, ANY, where, value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _read_number(whole, _WHOLE, where, value)
    if value is None or isinstance(value, bool):
        return value
    raise _wrong(where, "JSON", value)


def _read_literal(choices: tuple[Any, ...], where: str, value: Any) -> Any:
    if not isinstance(value, str) or value not in choices:
        raise _wrong(where, " or ".join(map(repr, choices)), value)
    return value


def _read_optional(inner: Reader, where: str, value: Any) -> Any:
    return None if value is None else inner(where, value)


def _read_list(inner: Reader, limits: Count, where: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    _check_count(limits, where, len(value), "items")
    return tuple(inner(f"{where}[{index}]", item) for index, item in enumerate(value))


def _read_dict(read_key: Reader, inner: Reader, limits: Count, where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    _check_count(limits, where, len(value), "items")
    return {read_key(where, key): inner(f"{where}.{shorten(key)}", item) for key, item in value.items()}


def _check_count(limits: Count, where: str, count: int, of: str) -> None:
    if count > limits.most:
        raise LinkError(f"{where}: {count} {of} exceed {limits.most}")
    if count < limits.least:
        raise LinkError(f"{where}: {count} {of}, expected at least {limits.least}")


def _read_geometry(cls: type[Camera] | type[Bounds], where: str, value: Any) -> Any:
    if isinstance(value, cls):
        return value  # on its way out: checked when it was made
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    try:
        return cls.from_json(value)
    except GeometryError as error:
        raise LinkError(f"{where}: {shorten(str(error), 200)}") from None
