"""What a connection must say before it may talk: a Hello with this protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import engine
from engine.link import codec
from engine.link.errors import LinkError
from engine.link.messages import PROTOCOL, Hello, Problem
from engine.link.silence import WatchedServerConnection
from engine.link.values import shorten
from engine.service.lobby import HELLO_SECONDS
from engine.service.packing import pack_or_explain


class Refusal(Exception):
    """Why a client can't have the engine: in words, with a ``code`` for programs and a ``hint`` what to do."""

    def __init__(self, code: str, words: str, hint: str = "") -> None:
        super().__init__(words)
        self.code, self.hint = code, hint


async def receive_hello(connection: WatchedServerConnection) -> Hello:
    """The first message of who speaks this protocol. Raises Refusal, ConnectionClosed."""
    try:
        data = await asyncio.wait_for(connection.recv(), HELLO_SECONDS)
        _require_same_protocol(*codec.peek(data))
        hello = codec.decode(data, (Hello,))
    except (LinkError, TimeoutError) as error:
        words = str(error) if isinstance(error, LinkError) else f"no Hello within {HELLO_SECONDS:g} s"
        raise Refusal("bad message", f"the first message must be a Hello: {words}") from None
    assert isinstance(hello, Hello)
    return hello


def _require_same_protocol(name: str, fields: dict[str, Any]) -> None:
    """Raises Refusal for a Hello of another protocol, whatever else that one has in it."""
    protocol = fields.get("protocol")
    if name != Hello.__name__ or type(protocol) is not int or protocol == PROTOCOL:
        return
    older, cure = (
        ("engine", "Set up the engine again, on the machine that it runs on.")
        if protocol > PROTOCOL
        else ("client", "Update the client: in Blender, the Hashlight extension.")
    )
    words = (
        f"the engine {engine.__version__} speaks protocol {PROTOCOL}, the client "
        f"{shorten(fields.get('version'), 100)} speaks {shorten(protocol)}: the {older} is too old"
    )
    raise Refusal("version", words, f"Both must be of one version. {cure}")


async def refuse(connection: WatchedServerConnection, refusal: Refusal) -> None:
    """Say why, and hang up. Raises ConnectionClosed."""
    problem = Problem(code=refusal.code, message=str(refusal), hint=refusal.hint, fatal=True)
    await connection.send(b"".join(pack_or_explain(problem)))
    await connection.close(1008, refusal.code)
