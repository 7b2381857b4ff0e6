"""Numbers, texts and lists from outside are held to stated limits where they enter, in words that name the field."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest

from engine.link import codec
from engine.link.errors import LinkError
from engine.link.geometry import Bounds, Camera, GeometryError
from engine.link.messages import (
    CLIENT_MESSAGES,
    ENGINE_MESSAGES,
    MAX_PIECES,
    BakeResult,
    BakeSpec,
    CancelJob,
    EvaluationSpec,
    JobUpdate,
    Message,
    PluginSpec,
    RadianceFieldSpec,
    StartJob,
    Tagged,
    Train,
)
from engine.link.values import Limits, ValueRefused, finite, printable, shorten, whole
from tests.faults.mutation import CAMERA, FROM_CLIENT, FROM_ENGINE, HELLO

HUGE = (float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 10**400, 10**5000)


@pytest.mark.parametrize("value", [*HUGE, "1", None, True, [1.0], {}], ids=shorten)
def test_what_is_no_number_within_limits_is_refused_in_words(value: Any) -> None:
    for read in (finite, whole):
        with pytest.raises(ValueRefused) as caught:
            read(value, Limits(0, 1000))
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", HUGE, ids=shorten)
@pytest.mark.parametrize(
    "name", ["fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "width", "height", "pose"]
)
def test_a_camera_beyond_any_lens_is_refused_by_name(name: str, value: Any) -> None:
    values = CAMERA.to_json()
    if name == "pose":
        name = "camera_to_world"
        values[name][0][3] = value
    else:
        values[name] = value
    with pytest.raises(GeometryError, match=name) as caught:
        Camera.from_json(values)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("focal", [1e30, 1e10, 0.0, -5.0, 1e-30])
def test_a_focal_length_that_no_kernel_can_work_with_is_refused(focal: float) -> None:
    with pytest.raises(GeometryError, match="fx"):
        dataclasses.replace(CAMERA, fx=focal)


@pytest.mark.parametrize(
    ("minimum", "maximum"),
    [
        ([-1e308] * 3, [1e308] * 3),
        ([-1e10] * 3, [1e10] * 3),
        ([0, 0, 0], [1, 1, 0]),
        ([0, 0, 0], [1, 1, 1e-12]),
        ([1e8] * 3, [1e8 + 1e-3] * 3),
        ([0, 0, 10**400], [1, 1, 1]),
        ([0, 0], [1, 1]),
        (["0", "0", "0"], [1, 1, 1]),
        (np.full(3, np.nan), np.ones(3)),
        ([[[[[[0]]]]]], [1, 1, 1]),
    ],
)
def test_bounds_that_no_grid_can_cover_are_refused(minimum: Any, maximum: Any) -> None:
    with pytest.raises(GeometryError, match=r"minimum|maximum"):
        Bounds(minimum, maximum)


SPECIMENS = (*FROM_CLIENT, *FROM_ENGINE, HELLO)


def test_every_message_and_every_part_of_one_is_among_the_specimens() -> None:
    """The attacks spoil these: what has no specimen is never attacked."""
    assert {type(message) for message in SPECIMENS} == {*CLIENT_MESSAGES, *ENGINE_MESSAGES}
    parts = {type(getattr(each, field.name)) for each in SPECIMENS for field in dataclasses.fields(each)}
    assert {kind for kind in _members(Tagged) if kind.__module__.startswith("engine.link")} <= parts


def _members(base: type[Tagged]) -> set[type[Tagged]]:
    """Of the unions: the classes below ``base`` that have a kind of their own."""
    below = base.__subclasses__()
    return {each for each in below if "kind" in vars(each)}.union(*map(_members, below))


def test_every_number_of_a_message_has_a_limit() -> None:
    """Whatever an integer or a float of a message, or of a part of it, is set to, it is held to the limits of its
    type."""
    refused: set[str] = set()
    for message in SPECIMENS:
        for name, replace in _numbers(type(message).__name__, type(message), message):
            for value in HUGE:
                with pytest.raises((LinkError, GeometryError)) as caught:
                    codec.encode(replace(value))
                words = f"{name}:" if caught.type is LinkError else f"{name.rpartition('.')[2]}:"
                assert words in str(caught.value) and len(str(caught.value)) < 300
            refused.add(name)
    parts = {"specification.fps", "specification.cameras[0].fx", "camera.width", "metrics.rate", "items.v.psnr"}
    assert {name.partition(".")[2] for name in refused} >= {"seconds", "overrides.march_steps", *parts}


def test_every_number_of_a_message_states_its_limits() -> None:
    """In its type, so that who reads that knows them."""
    for kind in (
        *CLIENT_MESSAGES,
        *ENGINE_MESSAGES,
        BakeSpec,
        EvaluationSpec,
        BakeResult,
        RadianceFieldSpec,
        PluginSpec,
    ):
        for name, hint in typing.get_type_hints(kind, include_extras=True).items():
            assert not {int, float} & set(_bare_parts(hint)), f"{kind.__name__}.{name}"


def _bare_parts(hint: Any) -> Iterator[Any]:
    """The types that ``hint`` is made of, without those whose limits it states."""
    if typing.get_origin(hint) is ClassVar or _is_limited(hint):
        return
    yield hint
    for part in typing.get_args(hint):
        yield from _bare_parts(part)


def _is_limited(hint: Any) -> bool:
    return typing.get_origin(hint) is Annotated and isinstance(hint.__metadata__[0], Limits)


Replace = Callable[[Any], Any]


def _numbers(where: str, hint: Any, value: Any) -> Iterator[tuple[str, Replace]]:
    """The places of numbers in ``value``, a message or a part of one declared as ``hint``: how an error names each, and
    what gives ``value`` with another number there."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        for part in arguments:
            if _is_number(part) or isinstance(value, part if isinstance(part, type) else object):
                yield from _numbers(where, part, value)
    elif _is_number(hint) or (hint is Any and type(value) in (int, float)):
        yield where, lambda number: number
    elif origin is Annotated:
        yield from _numbers(where, arguments[0], value)
    elif dataclasses.is_dataclass(value):
        hints = typing.get_type_hints(type(value), include_extras=True)
        for field in dataclasses.fields(value):
            for name, inner in _numbers(f"{where}.{field.name}", hints[field.name], getattr(value, field.name)):
                yield name, functools.partial(_replace_field, value, field.name, inner)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            for name, inner in _numbers(f"{where}[{index}]", arguments[0] if arguments else Any, item):
                yield name, functools.partial(_replace_item, value, index, inner)
    elif isinstance(value, dict):
        for key, item in value.items():
            for name, inner in _numbers(f"{where}.{key}", arguments[1] if arguments else Any, item):
                yield name, functools.partial(_replace_item, value, key, inner)


def _is_number(hint: Any) -> bool:
    return _is_limited(hint) or hint in (int, float)


def _replace_field(value: Any, name: str, inner: Replace, number: Any) -> Any:
    return dataclasses.replace(value, **{name: inner(number)})


def _replace_item(value: Any, key: Any, inner: Replace, number: Any) -> Any:
    changed = value.copy() if isinstance(value, dict) else list(value)
    changed[key] = inner(number)
    return tuple(changed) if isinstance(value, tuple) else changed


@pytest.mark.parametrize(
    "message",
    [
        Train(running=True, seconds=-1.0),
        Train(running=True, steps=2**62),
        StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="o", fps=1e9)),
        StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="o", samples=0)),
        StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="o", image_formats=())),
        StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="", image_formats=("png",))),
        CancelJob(job="x" * 501),
        CancelJob(job="a\0b"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_before_it_is_sent(message: Message) -> None:
    with pytest.raises(LinkError, match=rf"{type(message).__name__}\."):
        codec.check(message)


def test_a_bake_of_fifty_thousand_frames_can_be_asked_for_and_says_that_it_is_done() -> None:
    bake = StartJob(
        job="long",
        specification=BakeSpec(cameras=(CAMERA,) * MAX_PIECES, output="o", depth=True, image_formats=("png", "exr")),
    )
    assert MAX_PIECES >= 50_000
    received = codec.decode(codec.encode(bake), CLIENT_MESSAGES)
    assert isinstance(received, StartJob) and isinstance(received.specification, BakeSpec)
    assert len(received.specification.cameras) == MAX_PIECES
    result = BakeResult(folder="/r/o", image_formats=("png", "exr"), depth=True, video="/r/o/film.mp4")
    done = JobUpdate(job="long", state="done", done=MAX_PIECES, total=MAX_PIECES, result=result)
    update = codec.decode(codec.encode(done), ENGINE_MESSAGES)
    assert isinstance(update, JobUpdate) and len(update.files) == 3 * MAX_PIECES + 1
    assert update.files[:2] == ["/r/o/frame_0001.png", "/r/o/frame_0001.exr"]
    assert update.files[-2:] == ["/r/o/depth_50000.exr", "/r/o/film.mp4"]


def test_whatever_is_quoted_is_short_and_printable() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    for value in (deep, "\0" * 10_000, 10**5000, [10**5000], {"\ud800": "\x1b[31m"}, b"\xff" * 5000, object()):
        words = shorten(value)
        assert len(words) <= 60 and words.isascii() and words.isprintable()
    assert printable("über\nzwei\0\ud800", 100) == "über\nzwei\\x00\\ud800"
    assert len(printable("x" * 10_000, 100)) == 100
