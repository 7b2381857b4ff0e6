"""Hypothesis strategies for every message of the link, made from the dataclasses themselves."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Annotated, Any, Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.link.geometry import Bounds, Camera
from engine.link.messages import CLIENT_MESSAGES, ENGINE_MESSAGES, BytesSpec, Count, Pattern, TableSpec
from engine.link.values import Limits

ALL_MESSAGES = CLIENT_MESSAGES + ENGINE_MESSAGES

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
# Taichi, loaded by other tests, makes the processor round denormal numbers to zero.
numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | numbers | texts,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def cameras(draw: st.DrawFn) -> Camera:
    pose = np.eye(4)
    pose[:3, 3] = [draw(numbers) for _ in range(3)]
    sizes, focals = st.integers(1, 40), st.floats(0.1, 1e4)
    return Camera(
        pose, draw(sizes), draw(sizes), draw(focals), draw(focals), draw(numbers), draw(numbers), draw(numbers)
    )


@st.composite
def boxes(draw: st.DrawFn) -> Bounds:
    minimum = np.array([draw(numbers) for _ in range(3)])
    return Bounds(minimum, minimum + [draw(st.floats(0.5, 1e3)) for _ in range(3)])


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of one field's type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        spec = arguments[1]
        if isinstance(spec, BytesSpec):
            return hnp.arrays("uint8", st.integers(1, 50))
        if isinstance(spec, TableSpec):
            return st.integers(2, 4).flatmap(lambda side: hnp.arrays("float32", (side, side, side, 3)))
        if isinstance(spec, Limits):
            if arguments[0] is int:
                return st.integers(int(spec.least), int(spec.most))
            return st.floats(spec.least, spec.most, allow_subnormal=False)
        if isinstance(spec, Pattern):
            return st.from_regex(spec.regex, fullmatch=True)
        if isinstance(spec, Count):
            return values_of(arguments[0]).filter(lambda value: spec.least <= len(value) <= spec.most)
        tail = (spec.channels,) if spec.channels else ()
        sizes = st.tuples(st.integers(1, 5), st.integers(1, 5)).map(lambda size: size + tail)
        return st.sampled_from(spec.dtypes).flatmap(lambda dtype: hnp.arrays(dtype, sizes))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(st.none() if part is types.NoneType else values_of(part) for part in arguments)
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    if dataclasses.is_dataclass(hint) and hint not in (Camera, Bounds):
        return parts_of(hint)
    simple = {bool: st.booleans(), int: st.integers(-(2**62), 2**62), float: numbers, str: texts, Any: json_values}
    return {**simple, Camera: cameras(), Bounds: boxes()}[hint]


def parts_of(cls: Any) -> st.SearchStrategy[Any]:
    """Messages of one class, or parts of messages, with any values that the types of their fields allow."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{field.name: values_of(hints[field.name]) for field in dataclasses.fields(cls)})


messages = st.one_of(parts_of(cls) for cls in ALL_MESSAGES)


def plain(value: Any) -> Any:
    """``value`` in a form that == compares whole: dataclasses as dicts, arrays as dtype, shape and bytes."""
    if dataclasses.is_dataclass(value):
        return type(value), {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value.dtype.name, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return value
