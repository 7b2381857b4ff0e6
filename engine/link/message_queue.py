"""A message queue in which a newer message takes the place of the older ones that it makes pointless."""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Callable

from engine.link import codec
from engine.link.errors import LinkError
from engine.link.messages import Message


class LinkBusy(LinkError):
    """The queue is at its bound: try again once it has drained."""


class MessageQueue:
    """First in, first out, bounded in bytes; safe from any thread and never blocking.

    ``Message.replaces`` names the fields by which a newer message removes a queued older one of its type, and
    ``Message.overtakes`` the types that it need not wait for.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._items: collections.deque[_Item] = collections.deque()
        self._lock = threading.Lock()
        self._bytes = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes of all queued messages, buffers included."""
        return self._bytes

    def put(self, message: Message, address: int = 0) -> None:
        """Append ``message``, for whomever ``address`` stands for. Raises LinkBusy past the bound, unless the queue is
        empty: one message always fits."""
        item = _Item(message, codec.size_of(message), address)
        with self._lock:
            kept = self._without_replaced(item)
            kept_bytes = sum(other.size for other in kept) if kept is not self._items else self._bytes
            if kept and kept_bytes + item.size > self._max_bytes:
                raise LinkBusy(f"{type(message).__name__}: {kept_bytes} bytes already wait to be sent")
            self._items = kept
            self._items.insert(self._place_for(message), item)
            self._bytes = kept_bytes + item.size

    def pop(self, match: Callable[[Message], bool] = lambda _: True) -> Message | None:
        """Remove and return the oldest message for which ``match`` holds, None when there is none."""
        item = self.pop_addressed(match)
        return None if item is None else item[0]

    def pop_addressed(self, match: Callable[[Message], bool] = lambda _: True) -> tuple[Message, int] | None:
        """``pop``, with the message's address."""
        with self._lock:
            for index, item in enumerate(self._items):
                if match(item.message):
                    del self._items[index]
                    self._bytes -= item.size
                    return item.message, item.address
        return None

    def drain(self) -> list[Message]:
        """Remove and return everything, oldest first."""
        with self._lock:
            messages = [item.message for item in self._items]
            self._items.clear()
            self._bytes = 0
        return messages

    def _without_replaced(self, new: _Item) -> collections.deque[_Item]:
        """The queue without the messages that ``new`` replaces; the queue itself where there are none."""
        if new.message.replaces is None:
            return self._items
        kept = collections.deque(item for item in self._items if item.replacement_key != new.replacement_key)
        return kept if len(kept) != len(self._items) else self._items

    def _place_for(self, message: Message) -> int:
        """Before the messages at the end that ``message`` overtakes."""
        place = len(self._items)
        while place and isinstance(self._items[place - 1].message, message.overtakes):
            place -= 1
        return place


@dataclasses.dataclass(frozen=True)
class _Item:
    message: Message
    size: int
    address: int

    @property
    def replacement_key(self) -> tuple[object, ...]:
        return (self.address, *self.message.replacement_key)
