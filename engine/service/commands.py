"""What clients want done: commands in order, and the newest frame request, which overtakes them."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable

from engine.link import codec
from engine.link.messages import AddView, Message, RequestFrame
from engine.service.pipe import NOBODY

MAX_PENDING_BYTES = 256 << 20


class CommandQueue:
    """Filled by any thread, emptied by the device thread. Each entry has the number of its client."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._commands: collections.deque[tuple[Message, int]] = collections.deque()
        self._bytes = 0
        self._request: RequestFrame | None = None
        self._asked_by = NOBODY  # who asked for the last picture, while that client is there

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be done that nothing more should be put in."""
        return self._bytes > MAX_PENDING_BYTES

    def put(self, message: Message, client: int = NOBODY) -> None:
        """Add a message; of frame requests only the newest counts."""
        with self._changed:
            if isinstance(message, RequestFrame):
                self._request, self._asked_by = message, client
            else:
                self._commands.append((message, client))
                self._bytes += codec.size_of(message)
            self._changed.notify_all()

    def put_back(self, request: RequestFrame, client: int) -> None:
        """Have ``request`` carried out later, unless there is a newer one, or its client is gone."""
        with self._changed:
            if self._request is None and self._asked_by == client:
                self._request = request

    def forget_client(self, client: int) -> None:
        """A client is gone: nobody would see its picture."""
        with self._changed:
            if self._asked_by == client:
                self._request, self._asked_by = None, NOBODY

    def wait(self, seconds: Callable[[RequestFrame | None], float | None]) -> None:
        """Wait for a command; for other work no longer than ``seconds``, given the frame request, says: None for as
        long as it takes, 0 or less for not at all. It is asked again whenever something has come."""
        with self._changed:
            while not self._commands:
                patience = seconds(self._request)
                if patience is not None and patience <= 0.0:
                    return
                self._changed.wait(patience)

    def take_command(self) -> tuple[Message, int] | None:
        """The oldest command, None when there is none."""
        with self._changed:
            if not self._commands:
                return None
            item = self._commands.popleft()
            self._bytes -= codec.size_of(item[0])
            return item

    def take_request(self, is_due: Callable[[RequestFrame], bool]) -> tuple[RequestFrame, int] | None:
        """The frame request, None when there is none or it is not due."""
        with self._changed:
            request = self._request
            if request is None or not is_due(request):
                return None
            self._request = None
            return request, self._asked_by

    @property
    def is_view_moving(self) -> bool:
        """Whether a picture of a moving view is asked for."""
        request = self._request
        return request is not None and request.quality == "moving"

    @property
    def is_pressing(self) -> bool:
        """Whether a final picture should make way: a view has begun to move, or something is waited for."""
        with self._changed:
            # Views come all the time while they are captured; all else is a button that someone pressed.
            return self.is_view_moving or any(not isinstance(command, AddView) for command, _ in self._commands)
