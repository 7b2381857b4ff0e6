"""The pixel ring: pixels come out as they went in, or the reader is told that they are gone."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator

import numpy as np
import pytest

from engine.link.codec import decode, encode
from engine.link.errors import FrameOutdated, LinkError
from engine.link.geometry import Camera
from engine.link.messages import ENGINE_MESSAGES, Frame
from engine.link.ring import RingError, RingPlace, RingReader, RingWriter, TornRead


@pytest.fixture
def ends() -> Iterator[tuple[RingWriter, RingReader]]:
    writer = RingWriter(slots=3)
    reader = RingReader(writer.folder)
    yield writer, reader
    reader.close()
    writer.close()
    assert not writer.folder.exists()


def picture(width: int, height: int, value: float) -> Frame:
    camera = Camera(np.eye(4), width, height, 5.0, 5.0, 1.0, 1.0)
    color = np.full((height, width, 4), value, np.float16)
    return Frame(request=1, step=1, camera=camera, color=color, depth=np.full((height, width), value, np.float32))


def test_frames_come_out_as_they_went_in(ends: tuple[RingWriter, RingReader]) -> None:
    writer, reader = ends
    for value, (width, height) in enumerate([(4, 3), (5, 3), (64, 48), (2, 2), (65, 48)]):
        frame = decode(encode(picture(width, height, value), ring=writer), ENGINE_MESSAGES, reader)
        assert frame.color.shape == (height, width, 4) and (frame.color == value).all()  # type: ignore[attr-defined]
        assert frame.depth.shape == (height, width) and (frame.depth == value).all()  # type: ignore[attr-defined]


def test_pixels_stay_out_of_the_message(ends: tuple[RingWriter, RingReader]) -> None:
    assert len(encode(picture(640, 480, 1.0), ring=ends[0])) < 2000


def test_a_late_reader_is_told(ends: tuple[RingWriter, RingReader]) -> None:
    writer, reader = ends
    wires = [encode(picture(8, 8, value), ring=writer) for value in range(4)]
    with pytest.raises(FrameOutdated):
        decode(wires[0], ENGINE_MESSAGES, reader)
    for value in (1, 2, 3):
        assert (decode(wires[value], ENGINE_MESSAGES, reader).color == value).all()  # type: ignore[attr-defined]


def test_a_reader_of_a_replaced_file_is_told(ends: tuple[RingWriter, RingReader]) -> None:
    writer, reader = ends
    small = encode(picture(8, 8, 1), ring=writer)
    encode(picture(800, 800, 2), ring=writer)
    with pytest.raises(FrameOutdated):
        decode(small, ENGINE_MESSAGES, reader)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_only_the_user_can_look_into_the_folder(ends: tuple[RingWriter, RingReader]) -> None:
    assert stat.S_IMODE(ends[0].folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../../etc/passwd"},
        {"file": "ring-1.bin/../x"},
        {"header": -64},
        {"header": 1 << 40},
        {"offset": 0},
        {"offset": 1 << 62},
        {"size": -1},
        {"size": 1 << 40},
    ],
)
def test_a_place_outside_the_ring_is_refused(ends: tuple[RingWriter, RingReader], change: dict[str, object]) -> None:
    writer, reader = ends
    (place,) = writer.write([np.zeros(64, np.uint8)])
    with pytest.raises(RingError):
        reader.read(dataclasses.replace(place, **change), np.empty(64, np.uint8))  # type: ignore[arg-type]


def test_a_wrong_sequence_is_a_torn_read(ends: tuple[RingWriter, RingReader]) -> None:
    writer, reader = ends
    (place,) = writer.write([np.zeros(64, np.uint8)])
    with pytest.raises(TornRead):
        reader.read(dataclasses.replace(place, sequence=7), np.empty(64, np.uint8))


def test_without_a_ring_a_message_that_names_one_is_refused(ends: tuple[RingWriter, RingReader]) -> None:
    with pytest.raises(LinkError, match="no pixel ring"):
        decode(encode(picture(8, 8, 1), ring=ends[0]), ENGINE_MESSAGES)


def test_a_picture_too_large_for_the_ring_is_refused(ends: tuple[RingWriter, RingReader]) -> None:
    huge = np.broadcast_to(np.uint8(0), (1 << 31,))
    with pytest.raises(RingError, match="too large"):
        ends[0].write([huge])
    assert isinstance(ends[0].write([np.zeros(8, np.uint8)])[0], RingPlace)
