"""What the server and the device process say to each other, and how it gets through their pipes.

They exchange the link's own messages, and a few that never leave the machine. Each is preceded by its length and by the
number of the client that it comes from, or that it is an answer to: 0 for no one client.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Sequence
from typing import IO, Any

from engine.link.codec import BytesLike
from engine.link.messages import Message, Name, Seconds, Status

NO_CLIENT = 0
_PREFIX = struct.Struct("<II")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class DeviceReady(Message):
    """Device to server: work can begin. ``ring``: the folder of the pixel ring that frames come through."""

    device: Name
    device_name: Name
    ring: str


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class DeviceFailed(Message):
    """Device to server: there is no such device; the process ends."""

    message: str


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Heartbeat(Message):
    """Device to server, about five times a second: how training stands, and how long the piece of work at hand has
    taken so far. None come while a kernel holds the GIL."""

    status: Status
    busy_seconds: Seconds


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ClientGone(Message):
    """Server to device: that client is gone; its pictures are no longer wanted, nor does it render on this CPU."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ViewerCame(Message):
    """Server to device: that client watches, and is to know which run is open."""


def write(pipe: IO[bytes], parts: Sequence[BytesLike], client: int) -> None:
    """Send one message. Raises OSError when the other side is gone."""
    size = sum(len(part) for part in parts)
    for part in (_PREFIX.pack(size, client), *parts):
        view = memoryview(part)
        while len(view):
            view = view[pipe.write(view) :]


def read(pipe: IO[bytes]) -> tuple[bytes, int] | None:
    """The next message and its client; None when the other side is gone."""
    prefix = _read_exactly(pipe, _PREFIX.size)
    if prefix is None:
        return None
    size, client = _PREFIX.unpack(prefix)
    data = _read_exactly(pipe, size)
    return None if data is None else (bytes(data), client)


def _read_exactly(pipe: Any, size: int) -> bytearray | None:
    data = bytearray(size)
    view = memoryview(data)
    while len(view):
        count = pipe.readinto(view)
        if not count:
            return None
        view = view[count:]
    return data
