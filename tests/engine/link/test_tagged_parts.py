"""Parts of a message that are of one kind or another: they arrive as what they were, and faults are named."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.link import codec
from engine.link.codec import Packing, decode, encode
from engine.link.compression import best_compression
from engine.link.errors import LinkError
from engine.link.geometry import Bounds
from engine.link.message_types import ColorTable, DepthImage, Message, Tagged
from engine.link.messages import PrimitiveSpec, RadianceFieldSpec
from engine.link.primitives import LearntSpec
from engine.link.values import Limits
from tests.engine.link.messages_strategy import parts_of, plain
from tests.wires import pack, unpack

PACKINGS = [codec.RAW, Packing("zlib"), Packing(best_compression())]
PRIMITIVE = RadianceFieldSpec(bounds=Bounds([0] * 3, [1] * 3))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Table(Tagged):
    kind: ClassVar[str] = "table"

    colors: ColorTable
    exposure: float = 1.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Picture(Tagged):
    kind: ClassVar[str] = "picture"

    depth: DepthImage | None = None
    exposure: Annotated[float, Limits(0.0, 8.0)] = 1.0


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Shown(Message):
    what: Table | Picture
    before: Table | Picture | None = None
    more: tuple[RadianceFieldSpec, ...] = ()


@settings(max_examples=60, deadline=None)
@given(parts_of(Shown), st.sampled_from(PACKINGS))
def test_tagged_parts_arrive_as_what_they_were(message: Any, packing: Any) -> None:
    assert plain(decode(encode(message, packing), [Shown])) == plain(message)


@settings(max_examples=100, deadline=None)
@given(parts_of(Shown), st.data())
def test_a_spoilt_tagged_part_is_a_link_error(message: Any, data: Any) -> None:
    header, buffers = unpack(encode(message))
    part = header["fields"]["what"]
    spoil: Any = data.draw(
        st.sampled_from(
            [
                lambda: part.pop("kind"),
                lambda: part.update(kind=data.draw(st.text(max_size=5).filter(lambda kind: kind != part["kind"]))),
                lambda: part.update(kind=data.draw(st.none() | st.integers() | st.just(["table"]))),
                lambda: part.update({data.draw(st.text(max_size=5)) + "?": 1}),
                lambda: header["fields"].update(what=data.draw(st.none() | st.text(max_size=5) | st.just([part]))),
            ]
        )
    )
    spoil()
    with pytest.raises(LinkError, match=r"^Shown(\.what(\.\w+)?)?: "):
        decode(pack(header, buffers), [Shown])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h["fields"]["what"].update(kind="sound"), "Shown.what: unknown kind sound, expected 'table' or"),
        (lambda h: h["fields"]["what"].pop("kind"), "Shown.what: missing field kind"),
        (lambda h: h["fields"]["what"].update(exposure=9), "Shown.what.exposure: 9 is outside 0..8"),
        (lambda h: h["fields"]["what"].update(colors=1), "Shown.what: unknown field colors"),
        (lambda h: h["fields"]["what"].update(kind="table"), "Shown.what.depth: not an array field"),
        (lambda h: h["buffers"][0].update(field="what.colors"), "Shown.what.colors: not an array field"),
        (lambda h: h["buffers"][0].update(field="depth"), "Shown.depth: not an array field"),
        (lambda h: h["buffers"][0].update(dtype="float16"), "Shown.what.depth: expected float32 [H, W]"),
        (lambda h: h["fields"].update(more=[{"kind": "image"}]), "Shown.more[0]: unknown kind image, expected"),
    ],
)
def test_a_fault_of_a_tagged_part_is_named(change: Any, words: str) -> None:
    header, buffers = unpack(encode(Shown(what=Picture(depth=np.ones((3, 4), np.float32)))))
    change(header)
    with pytest.raises(LinkError) as caught:
        decode(pack(header, buffers), [Shown])
    assert words in str(caught.value)


def test_a_part_of_no_kind_of_the_union_is_not_sent() -> None:
    field: Any = PRIMITIVE
    with pytest.raises(LinkError, match=r"Shown\.what: unknown kind radiance-field, expected 'table' or 'picture'"):
        encode(Shown(what=field))


def test_arrays_of_parts_count_as_bytes() -> None:
    assert codec.size_of(Shown(what=Picture(depth=np.ones((300, 400), np.float32)))) > 480_000


def test_of_all_that_can_be_learnt_the_same_can_be_asked() -> None:
    members = get_args(PrimitiveSpec)
    assert len(members) > 2 and all(issubclass(member, LearntSpec) for member in members)
    assert [member for member in members if member.takes_views] == [RadianceFieldSpec]
