"""A message's fields, from JSON into the types that its dataclass declares, or a LinkError that names the field."""

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
from engine.link.message_types import ArraySpec, BytesSpec, Count, ImageSpec, TableSpec
from engine.link.values import ANY, Limits, ValueRefused, finite, shorten, whole

MAX_DEPTH = 16  # lists and objects within each other
_TEXT = Count(0, 8192)  # characters
_ITEMS = Count(0, 50_000)  # views, settings
_WHOLE = Limits(-(2**63), 2**63 - 1)

Reader = Callable[[str, Any], Any]  # (where, JSON value) -> value, or LinkError


@functools.cache
def array_fields(cls: Any) -> dict[str, ArraySpec]:
    """The array fields of a message class and what each may hold."""
    specs: dict[str, ArraySpec] = {}
    for name, hint in _hints(cls).items():
        for part in (hint, *typing.get_args(hint)):
            if typing.get_origin(part) is Annotated and isinstance(
                part.__metadata__[0], ImageSpec | BytesSpec | TableSpec
            ):
                specs[name] = part.__metadata__[0]
    return specs


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


@functools.cache
def _readers(cls: Any) -> dict[str, Reader]:
    return {name: _make_reader(hint) for name, hint in _hints(cls).items() if name not in array_fields(cls)}


def read_fields(cls: Any, values: Any, arrays: Mapping[str, Numbers]) -> dict[str, Any]:
    """Check and convert ``values`` (JSON) and join ``arrays`` to them: the arguments of ``cls``."""
    where, readers = cls.__name__, _readers(cls)
    if unknown := sorted(shorten(name) for name in values if name not in readers):
        raise LinkError(f"{where}: unknown field {', '.join(unknown[:3])}")
    present = {name: readers[name](f"{where}.{name}", value) for name, value in values.items()} | dict(arrays)
    for field in dataclasses.fields(cls):
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and field.name not in present:
            raise LinkError(f"{where}: missing field {field.name}")
    return present


def read_dataclass(where: str, cls: Any, value: Any) -> Any:
    """A ``cls`` from a JSON object; ``where`` names it in errors."""
    if not isinstance(value, dict):
        raise LinkError(f"{where}: expected an object, got {type(value).__name__}")
    return cls(**read_fields(cls, value, {}))


def _make_reader(hint: Any) -> Reader:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        limits = arguments[1]
        if isinstance(limits, Count):
            return _make_counted_reader(arguments[0], limits)
        return _make_number_reader(arguments[0], limits)
    if origin is Literal:
        return functools.partial(_read_literal, arguments)
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
    read = {tuple: _read_list, dict: _read_dict}[typing.get_origin(hint)]
    item = typing.get_args(hint)[0 if read is _read_list else 1]
    return functools.partial(read, _make_reader(item), limits)


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


def _read_any(depth: int, where: str, value: Any) -> Any:
    """Any JSON value, free of NaN and infinity, and not too deep."""
    if depth > MAX_DEPTH:
        raise LinkError(f"{where[:200]}: nested more than {MAX_DEPTH} deep")
    inner = functools.partial(_read_any, depth + 1)
    if isinstance(value, list):
        return _read_list(inner, _ITEMS, where, value)
    if isinstance(value, dict):
        return _read_dict(inner, _ITEMS, where, value)
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


def _read_dict(inner: Reader, limits: Count, where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    _check_count(limits, where, len(value), "items")
    return {_read_text(_TEXT, where, key): inner(f"{where}.{shorten(key)}", item) for key, item in value.items()}


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
