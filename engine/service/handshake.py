"""What a connection must say before it may talk: a Hello with this protocol."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.link import codec
from engine.link.errors import LinkError
from engine.link.messages import Hello, Problem
from engine.link.silence import WatchedServerConnection
from engine.link.versions import find_mismatch
from engine.service.lobby import HELLO_SECONDS
from engine.service.packing import pack_or_explain


class Refusal(Exception):
    """Why a client can't have the engine: a message, a ``code`` for programs and a ``hint`` what to do."""

    def __init__(self, code: str, words: str, hint: str = "") -> None:
        super().__init__(words)
        self.code, self.hint = code, hint


async def receive_hello(connection: WatchedServerConnection) -> Hello:
    """The first message of who speaks this protocol. Raises Refusal, ConnectionClosed."""
    try:
        data = await asyncio.wait_for(connection.recv(), HELLO_SECONDS)
        _require_same_protocol(*codec.peek(data))
        hello = codec.decode(data, (Hello,))
    except LinkError as error:
        raise Refusal("bad message", f"the first message must be a Hello: {error}") from None
    except TimeoutError:
        raise Refusal("late", f"no Hello came within {HELLO_SECONDS:g} s") from None
    assert isinstance(hello, Hello)
    return hello


def _require_same_protocol(name: str, fields: dict[str, Any]) -> None:
    """Raises Refusal for a Hello of another protocol, whatever else that one has in it."""
    problem = find_mismatch(fields, of_engine=False) if name == Hello.__name__ else None
    if problem is not None:
        raise Refusal(problem.code, problem.message, problem.hint)


async def refuse(connection: WatchedServerConnection, refusal: Refusal) -> None:
    """Say why, and hang up. Raises ConnectionClosed."""
    problem = Problem(code=refusal.code, message=str(refusal), hint=refusal.hint, fatal=True)
    await connection.send(b"".join(pack_or_explain(problem)))
    await connection.close(1008, refusal.code)
