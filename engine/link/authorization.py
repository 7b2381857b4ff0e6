"""How a client shows the token: in the header of the request that opens the WebSocket, before anything else is said."""

from __future__ import annotations

import base64

HEADER = "Authorization"


def authorization(token: str) -> str:
    """The value of HEADER: a bearer token (RFC 6750), in Base64, for a token may hold any characters."""
    return "Bearer " + base64.b64encode(token.encode()).decode()
