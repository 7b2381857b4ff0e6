"""Connections that have not shown the token yet: few at a time, none for long, and every refusal said."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from engine.link.silence import WatchedServerConnection

log = logging.getLogger("hashlight.server")

HELLO_SECONDS = 10  # for each of the steps from a connection to its Hello
_MOST_WAITING, _FEWEST_WAITING = 1024, 16
_CROWD_SECONDS = 0.02
_LOG_SECONDS = 5.0

Open = Callable[[socket.socket, WatchedServerConnection], Awaitable[object]]


class WaitingConnection(WatchedServerConnection):
    """A connection that the lobby knows of."""

    lobby: Lobby

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.lobby.hear(self)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        super().connection_lost(exc)
        self.lobby.leave(self)


class Lobby:
    """Whoever comes is let in, and waits here from the moment on in which the system has accepted the connection. When
    there are too many, one must leave: the right client needs a moment only.

    A client speaks first, with TLS too. Until it does, it is a socket and no more, so that many can come and go.
    Those that have said something have half of the room to themselves, so that a crowd that says nothing sends none of
    them away; and so have those that haven't yet. In either half, who has been silent longest leaves first.
    """

    def __init__(self, make: Callable[[], WaitingConnection], open_: Open) -> None:
        """``make`` makes the connection of a socket that has something to say, ``open_`` has it take in what that is:
        it returns or raises OSError once that is under way, with TLS after the handshake."""
        self._make, self._open = make, open_
        self._loop = asyncio.get_running_loop()
        self.room = _find_room()
        # Both in the order in which they were last heard.
        self._silent: dict[socket.socket, float] = {}  # since when
        self._speaking: dict[WatchedServerConnection, socket.socket] = {}
        self._unwatched: list[socket.socket] = []
        self._watching: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._untold = 0
        self._told_at = -_LOG_SECONDS
        self._sweep()

    def enter(self, links: Sequence[socket.socket]) -> None:
        """Connections were accepted."""
        self._silent |= dict.fromkeys(links, time.monotonic())
        self._unwatched += links
        self._make_room()
        if 2 * len(self._silent) <= self.room:
            self._watch()
        elif self._watching is None:  # in a crowd most must leave before that
            self._watching = self._loop.call_later(_CROWD_SECONDS, self._watch)

    def _watch(self) -> None:
        """Wait for bytes of those that were accepted since the last time."""
        self._watching, links, self._unwatched = None, self._unwatched, []
        for link in links:
            if link in self._silent:
                self._loop.add_reader(link, self._let_speak, link)

    def hear(self, connection: WatchedServerConnection) -> None:
        """Bytes have come from a connection, which may have left since."""
        if (link := self._speaking.pop(connection, None)) is not None:
            self._speaking[connection] = link

    def leave(self, connection: WatchedServerConnection) -> None:
        """A connection has shown the token, or is gone."""
        self._speaking.pop(connection, None)

    def close(self) -> None:
        """Nobody is let in any more."""
        self._sweeping.cancel()
        for connection in tuple(self._silent):
            self._send_away(connection)

    def note_refusal(self, words: str) -> None:
        """Say in the log that somebody was refused; of very many only how many they were."""
        now = time.monotonic()
        if now - self._told_at < _LOG_SECONDS:
            self._untold += 1
            return
        log.warning("refused a client: %s%s", words, f" (and {self._untold} before it)" if self._untold else "")
        self._told_at, self._untold = now, 0

    def _let_speak(self, link: socket.socket) -> None:
        """Bytes have come from a socket, or its end."""
        if not _has_bytes(link):
            self._send_away(link)
            return
        self._forget(link)
        link.setblocking(False)
        connection = self._make()
        connection.lobby = self
        self._speaking[connection] = link
        task = self._loop.create_task(self._listen(link, connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _listen(self, link: socket.socket, connection: WatchedServerConnection) -> None:
        try:
            await self._open(link, connection)
        except OSError:  # no TLS, or no more
            self.leave(connection)

    def _make_room(self) -> None:
        while len(self._silent) + len(self._speaking) > self.room:
            if 2 * len(self._silent) > self.room:
                self._let_speak(next(iter(self._silent)))  # if it has just said something
            else:
                link = self._speaking.pop(next(iter(self._speaking)))
                with contextlib.suppress(OSError):  # it has just ended
                    link.shutdown(socket.SHUT_RDWR)  # what reads it notices, and closes it
            self.note_refusal("too many connections wait to be let in: some were cut off")

    def _send_away(self, link: socket.socket) -> None:
        self._forget(link)
        link.close()

    def _forget(self, link: socket.socket) -> None:
        del self._silent[link]
        self._loop.remove_reader(link)

    def _sweep(self) -> None:
        """Close those that have said nothing for long."""
        self._sweeping = self._loop.call_later(1.0, self._sweep)
        now = time.monotonic()
        for connection in [link for link, since in self._silent.items() if now - since > HELLO_SECONDS]:
            self._send_away(connection)


def _has_bytes(link: socket.socket) -> bool:
    try:
        return bool(link.recv(1, socket.MSG_PEEK | getattr(socket, "MSG_DONTWAIT", 0)))
    except OSError:
        return False


def _find_room() -> int:
    """How many connections may wait, and as many more be accepted before: under a third of the descriptors that this
    process may have."""
    try:
        import resource
    except ImportError:  # on Windows as many as can be waited for
        return 512 // 3
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_WAITING if soft == resource.RLIM_INFINITY else min(max(soft // 3, _FEWEST_WAITING), _MOST_WAITING)
