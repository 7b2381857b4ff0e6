"""Rendered pixels between two processes of one host: a memory-mapped file in a private folder.

The engine writes a picture's buffers into the next of a few fixed slots and names the place in its message; the client
copies them out. Every slot starts with the sequence number of what is in it, written before and after the pixels, so
that a reader who comes late notices that the slot has been used again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import mmap
import os
import re
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from engine.link.arrays import Numbers
from engine.link.temporary_folder import TemporaryFolder

RING_PREFIX = "hashlight-ring-"
MAX_SLOT_BYTES = 1 << 31
_SLOT_HEADER = struct.Struct("<QQ")  # sequence when writing began, sequence when it ended
_SLOT_HEADER_BYTES = 64
_ALIGNMENT = 64
_FILE_NAME = re.compile(r"ring-[0-9]{1,9}\.bin")


class RingError(Exception):
    """The ring can't be read or written."""


class TornRead(RingError):
    """The slot was used again before or while it was read: a newer picture is being written."""


@dataclasses.dataclass(frozen=True)
class RingPlace:
    """Where one buffer lies: a file name in the ring's folder, the byte offset of its slot's header, the sequence
    number found there while the slot is unchanged, and the buffer's own byte range."""

    file: str
    header: int
    sequence: int
    offset: int
    size: int


class RingWriter:
    """The engine's end. One thread writes at a time, others wait."""

    def __init__(self, slots: int = 6) -> None:
        self._lock = threading.Lock()
        self._temporary = TemporaryFolder("ring")
        self.folder = self._temporary.path
        self._slots = slots
        self._is_closed = False
        self._slot_bytes = 0
        self._generation = 0
        self._sequence = 0
        self._file: IO[bytes] | None = None
        self._map: mmap.mmap | None = None

    def write(self, arrays: Sequence[Numbers]) -> list[RingPlace]:
        """Copy ``arrays`` into the next slot and say where each lies. Raises RingError when there is no room, or when
        the ring is closed."""
        with self._lock:
            return self._write(arrays)

    def _write(self, arrays: Sequence[Numbers]) -> list[RingPlace]:
        sizes = [array.nbytes for array in arrays]
        needed = _SLOT_HEADER_BYTES + sum(_align(size) for size in sizes)
        if needed > MAX_SLOT_BYTES:
            raise RingError(f"a picture of {needed} bytes is too large for the pixel ring")
        if self._is_closed:
            raise RingError("the pixel ring is closed")
        if needed > self._slot_bytes:
            self._grow(needed)
        assert self._map is not None
        self._sequence += 1
        start = self._sequence % self._slots * self._slot_bytes
        _SLOT_HEADER.pack_into(self._map, start, self._sequence, 0)
        offset = start + _SLOT_HEADER_BYTES
        places = []
        for array, size in zip(arrays, sizes, strict=True):
            pixels = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            np.copyto(np.frombuffer(self._map, np.uint8, size, offset), pixels)  # other threads go on meanwhile
            places.append(RingPlace(self._file_name, start, self._sequence, offset, size))
            offset += _align(size)
        _SLOT_HEADER.pack_into(self._map, start, self._sequence, self._sequence)
        return places

    def close(self) -> None:
        """Unmap and delete everything."""
        with self._lock:
            self._is_closed = True
            self._release()
        self._temporary.close()

    @property
    def _file_name(self) -> str:
        return f"ring-{self._generation}.bin"

    def _grow(self, needed: int) -> None:
        # A new name, so that a reader's mapping of the old file stays valid until it opens the new one.
        self._release()
        self._generation += 1
        slot_bytes = _align(needed, mmap.ALLOCATIONGRANULARITY)
        try:
            self._file = (self.folder / self._file_name).open("w+b")
            _reserve(self._file, slot_bytes * self._slots)
            self._map = mmap.mmap(self._file.fileno(), slot_bytes * self._slots)
        except (OSError, ValueError) as error:
            self._release()
            raise RingError(f"no room for the pixel ring in {self.folder}: {error}") from error
        self._slot_bytes = slot_bytes

    def _release(self) -> None:
        self._slot_bytes = 0
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._file is not None:
            self._file.close()
            self._file = None
            # Windows keeps a file that a reader has still mapped; close() tries again with the folder.
            with contextlib.suppress(OSError):
                (self.folder / self._file_name).unlink()


class RingReader:
    """The client's end: maps the file that a place names and copies buffers out of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._name = ""
        self._map: mmap.mmap | None = None

    def read(self, place: RingPlace, out: Numbers) -> None:
        """Fill ``out`` (contiguous, ``place.size`` bytes) from the ring. Raises TornRead when the slot has been used
        again, RingError when the place doesn't exist."""
        mapped = self._open(place.file)
        ends = (place.header + _SLOT_HEADER_BYTES, place.offset, place.offset + place.size, len(mapped))
        if place.header < 0 or place.size < 0 or list(ends) != sorted(ends):
            raise RingError(f"the pixel ring {place.file} has no such place")
        if out.nbytes != place.size:
            raise RingError(f"expected {out.nbytes} bytes in the pixel ring, the message says {place.size}")
        _check_sequence(mapped, place)
        # Copied by numpy, which lets other threads (Blender's window) go on meanwhile; a memoryview would not.
        np.copyto(out.reshape(-1).view(np.uint8), np.frombuffer(mapped, np.uint8, place.size, place.offset))
        _check_sequence(mapped, place)

    def close(self) -> None:
        """Unmap; the writer deletes the file."""
        if self._map is not None:
            self._map.close()
            self._map = None
            self._name = ""

    def _open(self, name: str) -> mmap.mmap:
        if not _FILE_NAME.fullmatch(name):
            raise RingError(f"{name!r} is not the name of a pixel ring")
        if self._map is None or name != self._name:
            self.close()
            try:
                with (self.folder / name).open("rb") as file:
                    self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except FileNotFoundError:
                raise TornRead(f"the pixel ring {name} has been replaced") from None
            except (OSError, ValueError) as error:
                raise RingError(f"can't read the pixel ring {self.folder / name}: {error}") from error
            self._name = name
        return self._map


def _reserve(file: IO[bytes], size: int) -> None:
    """Make ``file`` that long, and sure of its room: to write into a mapped hole of a full disk kills the process."""
    file.truncate(size)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # not every file system can tell
                raise


def _check_sequence(mapped: mmap.mmap, place: RingPlace) -> None:
    if _SLOT_HEADER.unpack_from(mapped, place.header) != (place.sequence, place.sequence):
        raise TornRead("a newer picture has taken the place of this one in the pixel ring")


def _align(size: int, step: int = _ALIGNMENT) -> int:
    return -(-size // step) * step
