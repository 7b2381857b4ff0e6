"""How either side notices that the other has fallen silent: frozen, asleep, or out of reach without a goodbye.

The engine says how it stands several times a second; a client answers the engine's pings. What counts is that bytes
arrive: a large message may be on its way for long.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

PING_INTERVAL = 1.0
SILENCE_SECONDS = 5.0  # after which the other side counts as silent
_POLL_SECONDS = 0.5


class WatchedClientConnection(ClientConnection):
    """The client's end, which knows when it last heard something."""

    heard_at = 0.0

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.heard_at = time.monotonic()
        super().data_received(data)


class WatchedServerConnection(ServerConnection):
    """The engine's end, which knows when it last heard something."""

    heard_at = 0.0

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.heard_at = time.monotonic()
        super().data_received(data)


class Listening:
    """Receives from a connection and tells for how long it has listened in vain."""

    def __init__(self, connection: WatchedClientConnection | WatchedServerConnection) -> None:
        self._connection = connection
        self._since: float | None = None  # when this side began to listen, or found that it had not run for a while
        self._checked_at = time.monotonic()

    async def receive(self) -> Any:
        """The next message, text or bytes. Raises ConnectionClosed."""
        self._since = time.monotonic()
        try:
            return await self._connection.recv()
        finally:
            self._since = None

    @property
    def silent_seconds(self) -> float:
        """For how long nothing came, 0 while this side doesn't listen: then it leaves what comes to the network."""
        now = time.monotonic()
        was_away = now - self._checked_at > 2 * _POLL_SECONDS  # held up itself, so that it could not have heard
        self._checked_at = now
        if self._since is None:
            return 0.0
        if was_away:
            self._since = now
        return now - max(self._since, self._connection.heard_at)

    async def wait_for_silence(self, seconds: float = SILENCE_SECONDS) -> None:
        """Return once nothing has come for so long."""
        while self.silent_seconds < seconds:
            await asyncio.sleep(_POLL_SECONDS)
