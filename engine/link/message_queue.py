"""A message queue in which a newer message takes the place of the older ones that it makes pointless."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable

from engine.link import codec
from engine.link.errors import LinkError
from engine.link.messages import Message


class LinkBusy(LinkError):
    """The queue is at its bound: try again once it has drained."""


class MessageQueue:
    """First in, first out, bounded in bytes; safe from any thread and never blocking.

    ``Message.replaces`` names the fields by which a newer message removes a queued older one of its type.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._items: collections.deque[tuple[Message, int]] = collections.deque()
        self._lock = threading.Lock()
        self._bytes = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes of all queued messages, buffers included."""
        return self._bytes

    def put(self, message: Message) -> None:
        """Append ``message``. Raises LinkBusy past the bound, unless the queue is empty: one message always fits."""
        size = codec.size_of(message)
        with self._lock:
            self._drop_replaced(message)
            if self._items and self._bytes + size > self._max_bytes:
                raise LinkBusy(f"{type(message).__name__}: {self._bytes} bytes already wait to be sent")
            self._items.append((message, size))
            self._bytes += size

    def pop(self, match: Callable[[Message], bool] = lambda _: True) -> Message | None:
        """Remove and return the oldest message for which ``match`` holds, None when there is none."""
        with self._lock:
            for index, (message, size) in enumerate(self._items):
                if match(message):
                    del self._items[index]
                    self._bytes -= size
                    return message
        return None

    def drain(self) -> list[Message]:
        """Remove and return everything, oldest first."""
        with self._lock:
            messages = [message for message, _ in self._items]
            self._items.clear()
            self._bytes = 0
        return messages

    def _drop_replaced(self, message: Message) -> None:
        if message.replaces is None:
            return
        key = _replacement_key(message)
        kept = [
            (old, size) for old, size in self._items if type(old) is not type(message) or _replacement_key(old) != key
        ]
        if len(kept) != len(self._items):
            self._items = collections.deque(kept)
            self._bytes = sum(size for _, size in kept)


def _replacement_key(message: Message) -> tuple[object, ...]:
    return tuple(getattr(message, name) for name in message.replaces or ())
