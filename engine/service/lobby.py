"""Connections that have not shown the token yet: few at a time, none for long, and as cheap as can be."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from engine.service.sparing_log import SparingLog
from engine.service.token_check import REFUSAL_SECONDS, TokenCheck

log = logging.getLogger("hashlight.server")

HELLO_SECONDS = 10  # for each of the steps from a connection to its Hello
_MOST_WAITING, _FEWEST_WAITING = 1024, 16
_CROWD_SECONDS = 0.02
_READ_BYTES = 1 << 12

Open = Callable[[socket.socket, TokenCheck], Awaitable[object]]


class Lobby:
    """Whoever comes is let in, and waits here from the moment on in which the system has accepted the connection. When
    there are too many, one must leave: the right client needs a moment only.

    A client speaks first: it asks for a WebSocket, and shows the token with that. Until it has, it is a socket and no
    more, so that many can come and go, whatever they say. With TLS it is one until it has said anything.
    Those that have said something have half of the room to themselves, so that a crowd that says nothing sends none of
    them away; and so have those that haven't yet. In either half, who has been silent longest leaves first; before them
    all, those leave that only wait for their refusal.
    """

    def __init__(self, token: str, open_: Open, is_encrypted: bool) -> None:
        """``open_`` opens the WebSocket of a socket whose request has passed the check, or with TLS begins to read what
        the check is to be fed with: it returns or raises OSError once that has begun, with TLS after its
        handshake."""
        self._token, self._open, self._is_encrypted = token, open_, is_encrypted
        self._loop = asyncio.get_running_loop()
        self.room = _find_room()
        # All in the order in which they were last heard.
        self._silent: dict[socket.socket, float] = {}  # since when
        self._speaking: dict[socket.socket, TokenCheck] = {}
        self._refused: dict[socket.socket, tuple[float, bytes]] = {}  # when they are told what
        self._unwatched: list[socket.socket] = []
        self._watching: asyncio.TimerHandle | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._refusals = SparingLog(log)
        self._sweep()

    def enter(self, links: Sequence[socket.socket]) -> None:
        """Connections were accepted."""
        for link in links:
            link.setblocking(False)
        self._silent |= dict.fromkeys(links, time.monotonic())
        self._unwatched += links
        self._make_room()
        if 2 * len(self._silent) <= self.room:
            self._watch()
        elif self._watching is None:  # in a crowd most must leave before that
            self._watching = self._loop.call_later(_CROWD_SECONDS, self._watch)

    def hear(self, link: socket.socket) -> None:
        """Bytes have come through TLS, of a connection that may have left since."""
        if (check := self._speaking.pop(link, None)) is not None:
            self._speaking[link] = check

    def leave(self, link: socket.socket) -> None:
        """A connection with TLS has shown the token, or is gone."""
        self._speaking.pop(link, None)

    def close(self) -> None:
        """No client is let in any more."""
        self._sweeping.cancel()
        for link in (*self._silent, *self._refused, *(() if self._is_encrypted else self._speaking)):
            self._send_away(link)

    def note_refusal(self, words: str) -> None:
        """Log that a client was refused; of very many only how many they were."""
        self._refusals.warn(f"refused a client: {words}")

    def _watch(self) -> None:
        """Wait for bytes of those that were accepted since the last time."""
        self._watching, links, self._unwatched = None, self._unwatched, []
        for link in links:
            if link in self._silent or (link in self._speaking and not self._is_encrypted):
                self._loop.add_reader(link, self._listen, link)

    def _listen(self, link: socket.socket) -> None:
        """Bytes have come from a socket, or its end, or neither: then it is sent away."""
        try:
            data = link.recv(_READ_BYTES, socket.MSG_PEEK if self._is_encrypted else 0)
        except OSError:
            data = b""
        if not data:
            self._send_away(link)
            return
        self._silent.pop(link, None)
        check = self._speaking.pop(link, None) or TokenCheck(self._token)
        if self._is_encrypted:
            self._speaking[link] = check
        else:
            check.feed(data)
            if check.passed is None:
                self._speaking[link] = check
                return
        self._loop.remove_reader(link)
        if check.passed is False:
            self._refuse(link, check)
            return
        task = self._loop.create_task(self._begin(link, check))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _begin(self, link: socket.socket, check: TokenCheck) -> None:
        try:
            await self._open(link, check)
        except OSError:  # no TLS, or no more
            self.leave(link)

    def _refuse(self, link: socket.socket, check: TokenCheck) -> None:
        self.note_refusal(check.words)
        self._refused[link] = time.monotonic() + REFUSAL_SECONDS, check.refusal
        if self._telling is None:
            self._telling = self._loop.call_later(REFUSAL_SECONDS, self._tell_refused)

    def _tell_refused(self) -> None:
        now = time.monotonic()
        for link, (due, refusal) in list(self._refused.items()):
            if due > now:
                break
            with contextlib.suppress(OSError):
                link.send(refusal)
            self._send_away(link)
        self._telling = None
        if self._refused:
            due, _ = next(iter(self._refused.values()))
            self._telling = self._loop.call_later(due - now, self._tell_refused)

    def _make_room(self) -> None:
        while len(self._silent) + len(self._speaking) + len(self._refused) > self.room:
            if self._refused:
                self._send_away(next(iter(self._refused)))
                continue
            if 2 * len(self._silent) > self.room:
                self._listen(next(iter(self._silent)))  # if it has just said something
            else:
                self._cut_off(next(iter(self._speaking)))
            self.note_refusal("too many connections wait to be let in: some were cut off")

    def _cut_off(self, link: socket.socket) -> None:
        if not self._is_encrypted:
            self._send_away(link)
            return
        del self._speaking[link]
        with contextlib.suppress(OSError):  # it has just ended
            link.shutdown(socket.SHUT_RDWR)  # what reads it notices, and closes it

    def _send_away(self, link: socket.socket) -> None:
        for group in (self._silent, self._speaking, self._refused):
            group.pop(link, None)
        self._loop.remove_reader(link)
        link.close()

    def _sweep(self) -> None:
        """Close those that have said nothing, or no end, for long."""
        self._sweeping = self._loop.call_later(1.0, self._sweep)
        latest = time.monotonic() - HELLO_SECONDS
        late = [link for link, since in self._silent.items() if since < latest]
        if not self._is_encrypted:  # else they have limits of their own
            late += [link for link, check in self._speaking.items() if check.since < latest]
        for link in late:
            self._send_away(link)


def _find_room() -> int:
    """How many connections may wait, and as many more be accepted before: under a third of the descriptors that this
    process may have."""
    try:
        import resource
    except ImportError:  # on Windows as many as can be waited for
        return 512 // 3
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_WAITING if soft == resource.RLIM_INFINITY else min(max(soft // 3, _FEWEST_WAITING), _MOST_WAITING)
