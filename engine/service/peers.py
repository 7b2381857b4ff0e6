"""Who is connected: one client in control, and a few that watch. Each gets what it is to know, and none waits for
another: every one has a queue of its own, whose bound it is hung up on for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from engine.link.messages import Evaluation, Hello, Message, Problem, RunClosed, RunOpened, Status
from engine.link.silence import SILENCE_SECONDS
from engine.service.client import Client
from engine.service.handshake import Refusal
from engine.service.pipe import NO_CLIENT

log = logging.getLogger("hashlight.server")

MAX_VIEWERS = 4
_WATCHED = Status | RunOpened | RunClosed | Evaluation  # what viewers are told of, whoever asked for it


class Peers:
    """``on_leave`` gets the number of each client that loses its place."""

    def __init__(self, on_leave: Callable[[int], None]) -> None:
        self._on_leave = on_leave
        self._controller: Client | None = None
        self._viewers: dict[int, Client] = {}

    def __iter__(self) -> Iterator[Client]:
        return iter([*([] if self._controller is None else [self._controller]), *self._viewers.values()])

    def make_room(self, newcomer: Hello) -> None:
        """See that there is a place for a client, if need be that of one that has fallen silent, or that is taken over
        from. Raises Refusal."""
        if newcomer.role == "controller":
            former = self._controller
            if former is not None and not (newcomer.take_over or _is_silent(former)):
                words = f"the engine is busy with another client, {former.name!r}"
                raise Refusal("busy", words, "Press Stop in the Engine panel there, or take over from it.")
        else:
            former = None
            if len(self._viewers) >= MAX_VIEWERS:
                former = max(self._viewers.values(), key=lambda viewer: viewer.listening.silent_seconds)
                if not _is_silent(former):
                    raise Refusal("busy", f"{MAX_VIEWERS} clients watch already", "End one of them first.")
        if former is not None:
            self._send_away(former, newcomer)

    def add(self, client: Client) -> None:
        """A client has come, for whom there is room."""
        if client.is_viewer:
            self._viewers[client.number] = client
        else:
            self._controller = client

    def remove(self, client: Client) -> None:
        """A client is gone, or another has its place already."""
        if self._controller is client:
            self._controller = None
        elif self._viewers.pop(client.number, None) is None:
            return
        self._on_leave(client.number)

    def post(self, message: Message, address: int = NO_CLIENT) -> None:
        """Queue ``message`` for the client that it answers, for the one in control where it answers none; viewers are
        told what everybody is to know, unless it answers one of them."""
        is_for_all = isinstance(message, _WATCHED) or (isinstance(message, Problem) and message.fatal)
        for client in self:
            if client.is_viewer:
                is_meant = address == client.number or (is_for_all and address not in self._viewers)
            else:
                is_meant = address in (NO_CLIENT, client.number)
            if is_meant:
                client.post(message)

    @property
    def have_unsent(self) -> bool:
        """Whether messages wait to be sent to anybody."""
        return any(client.has_unsent for client in self)

    def _send_away(self, former: Client, newcomer: Hello) -> None:
        silent = former.listening.silent_seconds
        reason = f"another client, {newcomer.client!r}, has taken over"
        if silent >= SILENCE_SECONDS:
            reason += f" after {silent:.0f} s of silence"
        log.warning("%s: %s", former.name, reason)
        former.hang_up("taken over", reason)
        self.remove(former)


def _is_silent(client: Client) -> bool:
    return client.listening.silent_seconds >= SILENCE_SECONDS
