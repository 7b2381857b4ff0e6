"""Clients from before the token was shown in the request for the WebSocket: they don't understand why there is none."""

from __future__ import annotations

from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.utils import accept_key

from engine.link.versions import CLIENT_TOO_OLD

_KEY, _ORIGIN = b"sec-websocket-key", b"origin"


def farewell(headers: dict[bytes, bytes]) -> bytes | None:
    """The answer to a request without a token: a WebSocket that is closed as it opens, for these clients tell their
    users why one was closed. None for web pages and for who asks for no WebSocket. ``headers`` by name in lower case.
    """
    key = headers.get(_KEY)
    if not key or _ORIGIN in headers:
        return None
    accepted = accept_key(key.decode("latin-1"))
    response = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accepted}\r\n\r\n"
    )
    reason = Close(CloseCode.POLICY_VIOLATION, CLIENT_TOO_OLD).serialize()
    return response.encode() + Frame(Opcode.CLOSE, reason).serialize(mask=False)
