"""A client, as the server sees it: what waits to be sent to it, and how that gets there."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from websockets.exceptions import ConnectionClosed

from engine.link import codec
from engine.link.compression import compression_between
from engine.link.errors import FrameOutdated, LinkError
from engine.link.message_queue import LinkBusy, MessageQueue
from engine.link.messages import FileChunk, Frame, Hello, Message, Problem
from engine.link.ring import RingReader
from engine.link.silence import Listening, WatchedServerConnection
from engine.link.values import one_line
from engine.service.packing import pack_or_explain
from engine.service.sparing_log import SparingLog

log = logging.getLogger("hashlight.server")

_MAX_OUTGOING_BYTES = {"controller": 512 << 20, "viewer": 64 << 20}
_FAREWELL_SECONDS = 2.0
_numbers = itertools.count(1)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PackedFrame(Message):
    """A Frame as the device process packed it, its pixels in the ring."""

    replaces: ClassVar[tuple[str, ...] | None] = ("channel",)

    channel: int
    data: bytes


class Client:
    """One connection, of the client in control or (``is_viewer``) of one that watches. ``ring``: the folder of the ring
    that frames lie in, which one on the same host reads itself."""

    def __init__(self, connection: WatchedServerConnection, hello: Hello, ring: Path | None) -> None:
        self.connection = connection
        self.name = one_line(hello.client, 100)
        self.number = next(_numbers)
        self.outgoing = MessageQueue(_MAX_OUTGOING_BYTES[hello.role])
        self.same_host, self.is_viewer = hello.same_host, hello.role == "viewer"
        self.compression = compression_between(hello.compression)
        self.listening = Listening(connection)
        self.faults = SparingLog(log)  # of what it sends
        self._ring = None if ring is None or hello.same_host else RingReader(ring)
        self._packed: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._wake = asyncio.Event()

    @property
    def has_unsent(self) -> bool:
        """Whether messages wait to be sent."""
        return self.outgoing.pending_bytes > 0 or not self._packed.empty()

    def post(self, message: Message) -> None:
        """Queue ``message``; a client that takes nothing any more is hung up on."""
        try:
            self.outgoing.put(message)
        except LinkBusy:
            log.warning("%s takes no messages any more: hanging up", self.name)
            self.connection.transport.abort()
        self._wake.set()

    def hang_up(self, code: str, words: str) -> None:
        """Say why and close, without waiting for a client that may take nothing any more."""
        self._hanging_up = asyncio.ensure_future(self._say_and_close(code, words))

    async def _say_and_close(self, code: str, words: str) -> None:
        farewell = b"".join(pack_or_explain(Problem(code=code, message=words, fatal=True)))
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self.connection.send(farewell)
                await self.connection.close(1008, code)
        self.connection.transport.abort()

    async def send_queued(self) -> None:
        """Send what is queued until cancelled, or until the connection is closed (ConnectionClosed). While a picture is
        on its way through a network the next one is packed: both take long."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pack_queued())
            tasks.create_task(self._send_packed())

    async def _pack_queued(self) -> None:
        while True:
            self._wake.clear()
            while (message := self.outgoing.pop()) is not None:
                if parts := await asyncio.to_thread(self._pack, message):
                    await self._packed.put(b"".join(parts))
            await self._wake.wait()

    async def _send_packed(self) -> None:
        while True:
            await self.connection.send(await self._packed.get())

    def _pack(self, message: Message) -> Sequence[codec.BytesLike]:
        """The bytes of ``message``; none when it is a frame whose pixels newer ones have replaced."""
        if isinstance(message, PackedFrame):
            if self.same_host:
                return [message.data]
            try:
                message = codec.decode(message.data, (Frame,), self._ring)
            except FrameOutdated:
                return []
            except LinkError as error:
                message = Problem(code="frame", message=f"a frame can't be sent: {error}")
        if self.same_host or isinstance(message, FileChunk):  # files are compressed as they are
            return pack_or_explain(message)
        is_preview = isinstance(message, Frame) and not message.exact
        return pack_or_explain(message, codec.Packing(self.compression, lossy=is_preview))
