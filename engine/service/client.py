"""The client in control, as the server sees it: what waits to be sent to it, and how that gets there."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from engine.link import codec
from engine.link.errors import LinkError
from engine.link.message_queue import LinkBusy, MessageQueue
from engine.link.messages import FileChunk, Frame, Hello, Message, Problem
from engine.link.ring import RingWriter

log = logging.getLogger("hashlight.server")

_MAX_OUTGOING_BYTES = 512 << 20


class Client:
    """One connection. ``ring`` takes the pictures for a client on the same host."""

    def __init__(self, connection: ServerConnection, hello: Hello, ring: RingWriter) -> None:
        self.connection = connection
        self.name = hello.client
        self.outgoing = MessageQueue(_MAX_OUTGOING_BYTES)
        self._same_host = hello.same_host
        self._ring = ring
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

    async def send_queued(self) -> None:
        """Send what is queued until cancelled. While a picture is on its way through a network the next one is packed:
        both take long."""
        await asyncio.gather(self._pack_queued(), self._send_packed())

    async def _pack_queued(self) -> None:
        while True:
            self._wake.clear()
            while (message := self.outgoing.pop()) is not None:
                await self._packed.put(await self._pack(message))
            await self._wake.wait()

    async def _send_packed(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.connection.send(await self._packed.get())

    async def _pack(self, message: Message) -> bytes:
        is_plain = self._same_host or isinstance(message, FileChunk)  # files are compressed as they are
        is_preview = isinstance(message, Frame) and not message.exact
        packing: codec.Packing = "raw" if is_plain else "preview" if is_preview else "zlib"
        ring = self._ring if self._same_host and isinstance(message, Frame) else None
        try:
            return await asyncio.to_thread(codec.encode, message, packing, ring)
        except LinkError as error:
            log.error("%s can't be sent: %s", type(message).__name__, error)
            return codec.encode(Problem(code="frame", message=f"{type(message).__name__} can't be sent: {error}"))
