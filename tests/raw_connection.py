"""A WebSocket of somebody who knows an engine's token, and may say whatever he wants."""

from __future__ import annotations

from typing import Any

from websockets.sync.client import ClientConnection, connect

from engine.link import codec
from engine.link.authorization import HEADER, authorization
from engine.link.messages import ENGINE_MESSAGES, PROTOCOL, Hello, Problem


def connect_raw(port: int, token: str, **options: Any) -> ClientConnection:
    """Open one to the engine at ``port``; ``options`` as websockets takes them."""
    options = {"additional_headers": {HEADER: authorization(token)}, "compression": None, "proxy": None, **options}
    return connect(f"ws://127.0.0.1:{port}", **options)


def shake_hands(raw: ClientConnection) -> None:
    """As a proper client does first."""
    raw.send(codec.encode(Hello(protocol=PROTOCOL, version="0", client="raw")))
    raw.recv(10)


def tell(port: int, token: str, data: bytes | str) -> Problem:
    """Send ``data`` as it is after a proper handshake, and return the Problem that it causes."""
    with connect_raw(port, token) as raw:
        shake_hands(raw)
        raw.send(data)
        while True:
            answer = codec.decode(raw.recv(10), ENGINE_MESSAGES)
            if isinstance(answer, Problem):
                return answer
