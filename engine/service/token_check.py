"""Whether a request shows the token: all that the engine reads of a connection until it has."""

from __future__ import annotations

import hmac
import time

from engine.link.authorization import HEADER, authorization

REFUSAL_SECONDS = 0.25  # until a wrong token is answered, so that few can be tried
REFUSAL = (
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 12\r\nConnection: close\r\n\r\nwrong token\n"
)
_MOST_BYTES = 1 << 13
_BEGIN, _END = b"GET ", b"\r\n\r\n"
_NAME = HEADER.lower().encode()


class TokenCheck:
    """The beginning of a request as it comes, ``head``. ``passed``: whether it shows the token, None until that is
    known."""

    def __init__(self, token: str) -> None:
        self._expected = authorization(token).encode()
        self.since = time.monotonic()
        self.head = b""
        self.passed: bool | None = None

    def feed(self, data: bytes) -> None:
        """More of the request has come."""
        self.head += data
        end = self.head.find(_END)
        if end >= 0:
            self.passed = hmac.compare_digest(_find_authorization(self.head[:end]), self._expected)
        elif self.head[: len(_BEGIN)] != _BEGIN[: len(self.head)] or len(self.head) > _MOST_BYTES:
            self.passed = False


def _find_authorization(head: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == _NAME:
            return value.strip()
    return b""
