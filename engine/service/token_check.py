"""Whether a request shows the token: all that the engine reads of a connection until it has."""

from __future__ import annotations

import hmac
import time

from engine.link.authorization import HEADER, authorization
from engine.link.versions import CLIENT_TOO_OLD
from engine.service.former_clients import farewell

REFUSAL_SECONDS = 0.25  # until a wrong token is answered, so that few can be tried
_REFUSAL = (
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 12\r\nConnection: close\r\n\r\nwrong token\n"
)
_MOST_BYTES = 1 << 13
_BEGIN, _END = b"GET ", b"\r\n\r\n"
_NAME = HEADER.lower().encode()


class TokenCheck:
    """The beginning of a request as it comes, ``head``. ``passed``: whether it shows the token, None until that is
    known. ``refusal``: the answer where it doesn't, and ``words`` what is said of it in the log."""

    def __init__(self, token: str) -> None:
        self._expected = authorization(token).encode()
        self.since = time.monotonic()
        self.head = b""
        self.passed: bool | None = None
        self.refusal, self.words = _REFUSAL, "no token, or a wrong one"

    def feed(self, data: bytes) -> None:
        """More of the request has come."""
        self.head += data
        end = self.head.find(_END)
        if end >= 0:
            headers = _read_headers(self.head[:end])
            self.passed = hmac.compare_digest(headers.get(_NAME, b""), self._expected)
            if _NAME not in headers and (words := farewell(headers)) is not None:
                self.refusal, self.words = words, f"no token in its request; {CLIENT_TOO_OLD}"
        elif self.head[: len(_BEGIN)] != _BEGIN[: len(self.head)] or len(self.head) > _MOST_BYTES:
            self.passed = False


def _read_headers(head: bytes) -> dict[bytes, bytes]:
    """The headers of a request by name, in lower case; of several of one name the first."""
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        headers.setdefault(name.lower(), value.strip())
    return headers
