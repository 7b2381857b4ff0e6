"""The engine's port: bound, emptied as fast as connections come, which are led into the lobby."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

from websockets.asyncio.server import Server, ServerConnection
from websockets.server import ServerProtocol

from engine.link.silence import PING_INTERVAL, WatchedServerConnection
from engine.service.lobby import HELLO_SECONDS, Lobby
from engine.service.token_check import REFUSAL_SECONDS, TokenCheck

_CLOSE_SECONDS = 1
_MAX_HELLO_BYTES = 1 << 16
# The system drops connections that come while more than these wait to be accepted, and the right client has to try
# again; in a longer queue it would have to wait behind all of them.
_BACKLOG = 128
_log = logging.getLogger("hashlight.websocket")


class ListenError(Exception):
    """The port can't be used."""


class WaitingConnection(WatchedServerConnection):
    """A connection in the lobby: a WebSocket once ``check`` is passed."""

    check: TokenCheck
    leave: Callable[[], None]
    hear: Callable[[], None]
    note_refusal: Callable[[str], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open, with TLS after the handshake."""
        super().connection_made(transport)
        if self.check.passed:
            super().data_received(self.check.head)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self.check.passed:
            super().data_received(data)
            return
        self.hear()
        if self.check.passed is None:
            self.check.feed(data)
            if self.check.passed:
                self.leave()
                super().data_received(self.check.head)
            elif self.check.passed is False:
                self.loop.call_later(REFUSAL_SECONDS, self._refuse)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        super().connection_lost(exc)
        self.leave()

    def _refuse(self) -> None:
        self.note_refusal(self.check.words)
        self.transport.write(self.check.refusal)
        self.transport.close()


class Listener:
    """Has ``handle`` carry on with each connection that shows ``token`` and opens a WebSocket, encrypted by ``tls``."""

    def __init__(
        self, handle: Callable[[ServerConnection], Awaitable[None]], token: str, tls: ssl.SSLContext | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._tls = tls
        self._server = Server(handle, open_timeout=HELLO_SECONDS, logger=_log)
        self._doors: list[socket.socket] = []
        self.lobby = Lobby(token, self._open, tls is not None)
        self._accepted_at_once = self.lobby.room  # before the others have their turn: each is a descriptor

    async def open(self, host: str, port: int) -> int:
        """Listen on ``host``:``port`` (0: any free one); returns the port. Raises ListenError."""
        try:
            # It binds every address of the host. What it accepts before this takes its place is turned away.
            server = await self._loop.create_server(_TurnedAway, host, port, backlog=_BACKLOG)
        except OSError as error:
            raise ListenError(_describe(host, port, error)) from error
        self._server.wrap(server)
        for bound in server.sockets:
            door = bound.dup()
            self._doors.append(door)
            self._loop.add_reader(bound.fileno(), self._accept, door)
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Hang up on everybody."""
        self._server.close(code=1001, reason="it was shut down")
        for door in self._doors:
            door.close()
        self.lobby.close()
        await self._server.wait_closed()

    def _accept(self, door: socket.socket) -> None:
        accepted: list[socket.socket] = []
        try:
            while len(accepted) < self._accepted_at_once:
                accepted.append(door.accept()[0])
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            pass
        except OSError as error:  # no descriptors or memory left
            self.lobby.note_refusal(str(error))
        self.lobby.enter(accepted)

    async def _open(self, link: socket.socket, check: TokenCheck) -> None:
        protocol = ServerProtocol(
            origins=[None],  # no web page may try
            max_size=_MAX_HELLO_BYTES,  # raised after the handshake
            logger=_log,
        )
        connection = WaitingConnection(
            protocol,
            self._server,
            ping_interval=PING_INTERVAL,
            ping_timeout=None,  # silence is what counts, see the server
            close_timeout=_CLOSE_SECONDS,
            max_queue=2,
        )
        connection.check = check
        connection.note_refusal = self.lobby.note_refusal
        connection.leave, connection.hear = (partial(act, link) for act in (self.lobby.leave, self.lobby.hear))
        timeouts = {"ssl_handshake_timeout": HELLO_SECONDS, "ssl_shutdown_timeout": _CLOSE_SECONDS}
        await self._loop.connect_accepted_socket(
            lambda: connection, link, ssl=self._tls, **(timeouts if self._tls is not None else {})
        )


class _TurnedAway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _describe(host: str, port: int, error: OSError) -> str:
    if error.errno in (errno.EADDRINUSE, 10048):
        return (
            f"port {port} on {host} is in use: another engine may be running; choose another --port (0: any free one)"
        )
    if error.errno in (errno.EACCES, 10013):
        return f"port {port} on {host} may not be used: choose one above 1023"
    return f"can't listen on {host}:{port}: {error.strerror or error}"
