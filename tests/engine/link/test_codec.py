"""The wire format: every message survives it, and nothing malformed gets through or does harm."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.link import codec
from engine.link.codec import Packing, decode, encode
from engine.link.compression import best_compression
from engine.link.errors import LinkError
from engine.link.geometry import Bounds, Camera
from engine.link.messages import (
    CLIENT_MESSAGES,
    ENGINE_MESSAGES,
    AddView,
    BakeSpec,
    CancelJob,
    OpenRun,
    RadianceFieldSpec,
    RequestFrame,
    StartJob,
    Status,
    Train,
)
from tests.engine.link.messages_strategy import ALL_MESSAGES, messages, parts_of, plain
from tests.wires import pack, unpack

PACKINGS = [codec.RAW, Packing("zlib"), Packing(best_compression())]
CAMERA = Camera(np.eye(4), 4, 3, 5.0, 5.0, 2.0, 1.5)
PRIMITIVE = RadianceFieldSpec(bounds=Bounds([0] * 3, [1] * 3))
VIEW = AddView(
    name="a",
    split="train",
    camera=CAMERA,
    color=np.ones((3, 4, 4), np.float16),
    depth=np.full((3, 4), np.inf, np.float32),
)

_ZEROS = bytes(64 << 20)
_SIZE_PROMISED = zstandard.ZstdCompressor().compress(_ZEROS)
# What each unpacks to is 64 MiB; the third says that it were the 96 bytes of VIEW's colours, with a frame's size in the
# four bytes behind its magic number and descriptor.
BOMBS = [
    zlib.compress(_ZEROS),
    _SIZE_PROMISED,
    _SIZE_PROMISED.replace(struct.pack("<I", len(_ZEROS)), struct.pack("<I", VIEW.color.nbytes), 1),
    zstandard.ZstdCompressor(write_content_size=False).compress(_ZEROS),
]


@pytest.mark.parametrize("cls", ALL_MESSAGES, ids=lambda cls: cls.__name__)
def test_every_message_arrives_as_it_was_sent(cls: Any) -> None:
    @settings(max_examples=12, deadline=None)
    @given(parts_of(cls), st.sampled_from(PACKINGS))
    def round_trip(message: Any, packing: Any) -> None:
        received = decode(encode(message, packing), ALL_MESSAGES)
        assert type(received) is cls
        assert plain(received) == plain(message)

    round_trip()


@settings(max_examples=60, deadline=None)
@given(messages, st.data())
def test_a_truncated_message_is_a_link_error(message: Any, data: Any) -> None:
    wire = encode(message, data.draw(st.sampled_from(PACKINGS)))
    cut = data.draw(st.integers(0, len(wire) - 1))
    with pytest.raises(LinkError):
        decode(wire[:cut], ALL_MESSAGES)


@settings(max_examples=150, deadline=None)
@given(messages, st.data())
def test_a_flipped_bit_is_harmless(message: Any, data: Any) -> None:
    wire = bytearray(encode(message, data.draw(st.sampled_from(PACKINGS))))
    position = data.draw(st.integers(0, len(wire) - 1))
    wire[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        decode(bytes(wire), ALL_MESSAGES)
    except LinkError as error:
        assert str(error)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=200).map(pack))
def test_random_bytes_are_a_link_error(data: bytes) -> None:
    with pytest.raises(LinkError):
        decode(data, ALL_MESSAGES)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ALL_MESSAGES), st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5)
)
def test_fields_of_any_json_are_a_link_error(cls: Any, junk: Any) -> None:
    with pytest.raises(LinkError):
        decode(pack({"type": cls.__name__, "fields": {"junk": junk}, "buffers": []}), ALL_MESSAGES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h.update(type="Exec"), "unknown message Exec"),
        (lambda h: h.update(type="Status"), "unknown message Status"),
        (lambda h: h.update(extra=1), "type, fields and buffers"),
        (lambda h: h["fields"].update(colour="red"), "AddView: unknown field colour"),
        (lambda h: h["fields"].pop("name"), "AddView: missing field name"),
        (lambda h: h["fields"].update(name=7), "AddView.name: expected text, got 7"),
        (lambda h: h["fields"].update(render_seconds="7"), "AddView.render_seconds: expected a number, got '7'"),
        (lambda h: h["fields"].update(split="holdout"), "AddView.split: expected 'train' or 'test', got holdout"),
        (lambda h: h["fields"].update(render_seconds=True), "AddView.render_seconds: expected a number"),
        (lambda h: h["fields"].update(render_seconds=1e999), "AddView.render_seconds: expected a finite number"),
        (lambda h: h["fields"]["camera"].update(fx=0), "AddView.camera: fx: the focal length must be positive"),
        (lambda h: h["fields"]["camera"].update(width=100000), "AddView.camera: width: 100000 is outside"),
        (lambda h: h["fields"]["camera"].update(width=0), "AddView.camera: width: 0 is outside"),
        (lambda h: h["fields"]["camera"].update(camera_to_world=[[None] * 4] * 4), "camera_to_world: expected numbers"),
        (lambda h: h["fields"]["camera"].update(camera_to_world=[["1"] * 4] * 4), "camera_to_world: expected numbers"),
        (lambda h: h["fields"]["camera"].update(camera_to_world=[[1e999] * 4] * 4), "camera_to_world: contains NaN"),
        (lambda h: h["fields"]["camera"].update(camera_to_world=[[1, 0]] * 4), "expected a 4x4 matrix"),
        (lambda h: h["fields"]["camera"].pop("cx"), "AddView.camera: camera: missing cx"),
        (lambda h: h["buffers"].pop(0), "bytes of buffers arrived"),
        (lambda h: h["buffers"][0].update(dtype="float64"), "AddView.color: expected float16 or uint8"),
        (lambda h: h["buffers"][0].update(dtype="object"), "AddView.color: expected float16 or uint8"),
        (lambda h: h["buffers"][0].update(shape=[3, 4]), "AddView.color: expected float16 or uint8 [H, W, 4]"),
        (lambda h: h["buffers"][0].update(shape=[3, 5, 4]), "AddView.color: 96 bytes, expected 120"),
        (lambda h: h["buffers"][0].update(shape=[-3, -4, 4]), "outside 1..16384"),
        (lambda h: h["buffers"][0].update(size=97), "AddView.color: 97 bytes, expected 96"),
        (lambda h: h["buffers"][0].update(field="name"), "AddView.name: not an array field"),
        (
            lambda h: h["buffers"][1].update(field="color", dtype="float16", shape=[3, 2, 4]),
            "two buffers for one field",
        ),
        (lambda h: h["buffers"][0].update(packing="pickle"), "AddView.color: unknown packing pickle"),
        (lambda h: h["buffers"][0].update(packing="compressed"), "AddView.color: broken compression"),
        (lambda h: h["buffers"].append(h["buffers"][0]), "3 buffers, expected at most 2"),
    ],
)
def test_a_fault_is_named(change: Any, words: str) -> None:
    header, buffers = unpack(encode(VIEW))
    change(header)
    with pytest.raises(LinkError) as caught:
        decode(pack(header, buffers), CLIENT_MESSAGES)
    assert words in str(caught.value)


def test_a_missing_array_is_named() -> None:
    header, buffers = unpack(encode(VIEW))
    del header["buffers"][0]
    with pytest.raises(LinkError, match="AddView: missing field color"):
        decode(pack(header, buffers[96:]), CLIENT_MESSAGES)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(constant: str) -> None:
    header = (
        '{"type":"OpenRun","fields":{"run":"r","primitive":{"kind":"radiance-field","bounds":{"minimum":[0,0,0],'
        '"maximum":[1,1,1]}},"overrides":{"a":[%s]}}'
    )
    data = pack((header % constant + ',"buffers":[]}').encode())
    with pytest.raises(LinkError, match=r"OpenRun.overrides.a\[0\]: expected a finite number"):
        decode(data, CLIENT_MESSAGES)


def test_an_endless_nesting_is_refused() -> None:
    with pytest.raises(LinkError):
        decode(pack(b"[" * 100_000), CLIENT_MESSAGES)
    header = b'{"type":"OpenRun","fields":{"overrides":{"a":' + b"[" * 900 + b"]" * 900 + b'}},"buffers":[]}'
    with pytest.raises(LinkError, match=r"OpenRun.overrides.a\[0\].*: nested more than 16 deep"):
        decode(pack(header), CLIENT_MESSAGES)


def test_a_header_longer_than_allowed_is_refused() -> None:
    with pytest.raises(LinkError, match="the header claims"):
        decode(struct.pack("<I", codec.MAX_HEADER_BYTES + 1) + b" " * (codec.MAX_HEADER_BYTES + 1), CLIENT_MESSAGES)


def test_text_is_refused() -> None:
    with pytest.raises(LinkError, match="binary"):
        decode("hello", CLIENT_MESSAGES)  # type: ignore[arg-type]


def test_a_claim_of_a_huge_image_allocates_nothing() -> None:
    header, _ = unpack(encode(VIEW, Packing("zlib")))
    for buffer in header["buffers"]:
        buffer["shape"][:2] = [16384, 16384]
    bomb = zlib.compress(bytes(1 << 20))
    for buffer in header["buffers"]:
        buffer["size"] = len(bomb)
    tracemalloc.start()
    with pytest.raises(LinkError, match="exceed the limit"):
        decode(pack(header, bomb * 2), CLIENT_MESSAGES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("bomb", BOMBS, ids=["zlib", "zstd", "zstd that lies", "zstd of unknown size"])
def test_a_compressed_buffer_never_unpacks_past_its_image(bomb: bytes) -> None:
    header, _ = unpack(encode(VIEW, Packing("zlib")))
    del header["buffers"][1]
    header["buffers"][0]["size"] = len(bomb)
    tracemalloc.start()
    with pytest.raises(LinkError, match=r"AddView\.color: (unpacks to another size|broken compression)"):
        decode(pack(header, bomb), CLIENT_MESSAGES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Train(running=1), "Train.running: expected true or false"),  # type: ignore[arg-type]
        (CancelJob(job=None), "CancelJob: missing field job"),  # type: ignore[arg-type]
        (Status(state="training", metrics={"loss": float("nan")}), "Status.metrics.loss: expected a finite number"),
        (StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,) * 50_001, output="o")), "50001 items exceed 50000"),
        (
            StartJob(
                job="b",
                specification=BakeSpec(cameras=(CAMERA,), output="o", view_table=np.zeros((66, 66, 66, 3), np.float32)),
            ),
            "specification.view_table: expected float32 [S, S, S, 3] with S in 2..65, got float32 [66, 66, 66, 3]",
        ),
        (
            StartJob(
                job="b",
                specification=BakeSpec(cameras=(CAMERA,), output="o", view_table=np.zeros((8, 9, 8, 3), np.float32)),
            ),
            "StartJob.specification.view_table: expected float32",
        ),
        (
            AddView(name="a", split="train", camera=CAMERA, color=np.zeros((3, 4, 4), np.float64)),
            "AddView.color: expected float16 or uint8",
        ),
        (
            OpenRun(run="r", primitive=PRIMITIVE, overrides={"x": object()}),
            "OpenRun.overrides.x: expected JSON",
        ),
        (OpenRun(run="r", primitive=None), "OpenRun: missing field primitive"),  # type: ignore[arg-type]
        (Status(state="training", metrics={"Loss": 1.0}), "Status.metrics: expected up to 64 of a-z, 0-9 and _"),
        (Status(state="training", metrics={f"m{i}": 1.0 for i in range(65)}), "Status.metrics: 65 items exceed 64"),
        (AddView(name="a", split="train", camera=CAMERA, color=[1.0]), "AddView.color: expected an array, got [1.0]"),  # type: ignore[arg-type]
    ],
)
def test_the_sender_refuses_what_the_receiver_would(message: Any, words: str) -> None:
    with pytest.raises(LinkError) as caught:
        encode(message)
    assert words in str(caught.value)


def test_a_table_of_colours_is_no_picture() -> None:
    table = np.zeros((8, 8, 8, 3), np.float32)
    header, buffers = unpack(
        encode(StartJob(job="b", specification=BakeSpec(cameras=(CAMERA,), output="o", view_table=table)))
    )
    header["buffers"][0]["packing"] = "picture"
    with pytest.raises(LinkError, match="view_table: it can't be packed as a picture"):
        decode(pack(header, buffers), CLIENT_MESSAGES)


def test_numpy_numbers_may_be_sent() -> None:
    request = RequestFrame(request=np.int64(3), camera=CAMERA)  # type: ignore[arg-type]
    assert decode(encode(request), CLIENT_MESSAGES).request == 3  # type: ignore[attr-defined]


def test_arrays_that_are_not_contiguous_arrive_whole() -> None:
    color = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)[::-1]
    view = decode(encode(AddView(name="a", split="test", camera=CAMERA, color=color)), CLIENT_MESSAGES)
    assert (view.color == color).all()  # type: ignore[attr-defined]
    view.color[0, 0] = 0  # type: ignore[attr-defined]  # the receiver owns it


def test_each_side_reads_only_the_other_sides_messages() -> None:
    with pytest.raises(LinkError, match="unknown message AddView"):
        decode(encode(VIEW), ENGINE_MESSAGES)
