"""A message's fields, from JSON into the types that its dataclass declares, or a LinkError that names the field."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np

from engine.link.errors import LinkError
from engine.link.geometry import Bounds, Camera, GeometryError
from engine.link.messages import BytesSpec, ImageSpec

MAX_TEXT_LENGTH = 8192
MAX_ITEMS = 20_000  # cameras of a bake, files, views

Reader = Callable[[str, Any], Any]  # (where, JSON value) -> value, or LinkError


@functools.cache
def array_fields(cls: Any) -> dict[str, ImageSpec | BytesSpec]:
    """The array fields of a message class and what each may hold."""
    specs = {}
    for name, hint in _hints(cls).items():
        for part in (hint, *typing.get_args(hint)):
            if typing.get_origin(part) is Annotated:
                specs[name] = part.__metadata__[0]
    return specs


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


@functools.cache
def _readers(cls: Any) -> dict[str, Reader]:
    return {name: _make_reader(hint) for name, hint in _hints(cls).items() if name not in array_fields(cls)}


def read_fields(cls: Any, values: Any, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Check and convert ``values`` (JSON) and join ``arrays`` to them: the arguments of ``cls``."""
    where, readers = cls.__name__, _readers(cls)
    if unknown := sorted(shorten(name) for name in values if name not in readers):
        raise LinkError(f"{where}: unknown field {', '.join(unknown[:5])}")
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
    if origin is Literal:
        return functools.partial(_read_literal, arguments)
    if origin in (types.UnionType, typing.Union):
        (inner,) = [argument for argument in arguments if argument is not types.NoneType]
        return functools.partial(_read_optional, _make_reader(inner))
    if origin is tuple:
        return functools.partial(_read_list, _make_reader(arguments[0]))
    if origin is dict:
        return functools.partial(_read_dict, _make_reader(arguments[1]))
    if hint in (Camera, Bounds):
        return functools.partial(_read_geometry, hint)
    if dataclasses.is_dataclass(hint):
        return lambda where, value: read_dataclass(where, hint, value)
    return {bool: _read_bool, int: _read_int, float: _read_float, str: _read_text, Any: _read_any}[hint]


def _wrong(where: str, wanted: str, value: Any) -> LinkError:
    return LinkError(f"{where}: expected {wanted}, got {shorten(value)}")


def shorten(value: Any, limit: int = 60) -> str:
    """``value`` for an error message: ASCII, of at most ``limit`` characters."""
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _read_bool(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, "true or false", value)
    return value


def _read_int(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 63:
        raise _wrong(where, "a whole number", value)
    return value


def _read_float(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(where, "a number", value)
    if abs(value) > 1e300 or not math.isfinite(value):
        raise _wrong(where, "a finite number", value)
    return float(value)


def _read_text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(where, "text", value)
    if len(value) > MAX_TEXT_LENGTH:
        raise LinkError(f"{where}: {len(value)} characters exceed {MAX_TEXT_LENGTH}")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _wrong(where, "printable text", value)
    return value


def _read_any(where: str, value: Any) -> Any:
    """Any JSON value, free of NaN and infinity."""
    if isinstance(value, list):
        return _read_list(_read_any, where, value)
    if isinstance(value, dict):
        return _read_dict(_read_any, where, value)
    if isinstance(value, str):
        return _read_text(where, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _read_float(where, value) if isinstance(value, float) else _read_int(where, value)
    if value is None or isinstance(value, bool):
        return value
    raise _wrong(where, "JSON", value)


def _read_literal(choices: tuple[Any, ...], where: str, value: Any) -> Any:
    if not isinstance(value, str) or value not in choices:
        raise _wrong(where, " or ".join(map(repr, choices)), value)
    return value


def _read_optional(inner: Reader, where: str, value: Any) -> Any:
    return None if value is None else inner(where, value)


def _read_list(inner: Reader, where: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    if len(value) > MAX_ITEMS:
        raise LinkError(f"{where}: {len(value)} items exceed {MAX_ITEMS}")
    return tuple(inner(f"{where}[{index}]", item) for index, item in enumerate(value))


def _read_dict(inner: Reader, where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    if len(value) > MAX_ITEMS:
        raise LinkError(f"{where}: {len(value)} items exceed {MAX_ITEMS}")
    return {_read_text(where, key): inner(f"{where}.{shorten(key)}", item) for key, item in value.items()}


def _read_geometry(cls: type[Camera] | type[Bounds], where: str, value: Any) -> Any:
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    for name, item in value.items():
        if isinstance(item, list):
            _check_numbers(f"{where}.{shorten(name)}", item)
    try:
        return cls.from_json(value)
    except (GeometryError, OverflowError, RecursionError) as error:
        raise LinkError(f"{where}: {shorten(str(error), 200)}") from None


def _check_numbers(where: str, values: list[Any]) -> None:
    # numpy would also take "1" and true for numbers
    for value in values:
        if isinstance(value, list):
            _check_numbers(where, value)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(where, "numbers", value)
