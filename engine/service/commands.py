"""What clients want done: commands in order, and the newest frame request of each channel, which overtake them."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Collection

from engine.link import codec
from engine.link.messages import AddFile, AddView, Message, RequestFrame
from engine.service.pipe import NO_CLIENT, ViewerCame

MAX_PENDING_BYTES = 256 << 20

Asker = tuple[int, int]  # a client and its channel


class CommandQueue:
    """Filled by any thread, emptied by the device thread. Each entry has the number of its client."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._commands: collections.deque[tuple[Message, int]] = collections.deque()
        self._bytes = 0
        self._requests: dict[Asker, RequestFrame] = {}  # in the order of their turns
        self._asking: set[int] = set()  # clients that have asked for a picture, while they are there
        self._viewers: set[int] = set()  # clients that only watch

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be done that nothing more should be put in."""
        return self._bytes > MAX_PENDING_BYTES

    def put(self, message: Message, client: int = NO_CLIENT) -> None:
        """Add a message; of frame requests only the newest of each channel counts, and has the turn of the former."""
        with self._changed:
            if isinstance(message, RequestFrame):
                self._requests[client, message.channel] = message
                self._asking.add(client)
            else:
                if isinstance(message, ViewerCame):
                    self._viewers.add(client)
                self._commands.append((message, client))
                self._bytes += codec.size_of(message)
            self._changed.notify_all()

    def put_back(self, request: RequestFrame, client: int) -> None:
        """Have ``request`` gone on with as soon as it is some picture's turn that need not come at once, unless there
        is a newer one, or its client is gone."""
        with self._changed:
            asker = client, request.channel
            if asker not in self._requests and client in self._asking:
                self._requests = {asker: request, **self._requests}

    def forget_client(self, client: int) -> None:
        """A client is gone: drop what it asked for."""
        with self._changed:
            self._requests = {asker: request for asker, request in self._requests.items() if asker[0] != client}
            self._asking.discard(client)
            self._viewers.discard(client)

    def wait(self, seconds: Callable[[Collection[RequestFrame]], float | None]) -> None:
        """Wait for a command; for other work no longer than ``seconds``, given the frame requests, says: None for as
        long as it takes, 0 or less for not at all. It is asked again whenever something has come."""
        with self._changed:
            while not self._commands:
                patience = seconds(self._requests.values())
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

    def take_request(
        self, is_due: Callable[[RequestFrame], bool], served: Collection[Asker] = ()
    ) -> tuple[RequestFrame, int] | None:
        """The frame request whose turn it is, one that is pressing before the others, and its client; None when none is
        due but of those who were ``served`` already."""
        with self._changed:
            due = [asker for asker, request in self._requests.items() if asker not in served and is_due(request)]
            if not due:
                return None
            asker = next((asker for asker in due if self.presses(self._requests[asker], asker[0])), due[0])
            return self._requests.pop(asker), asker[0]

    def presses(self, request: RequestFrame, client: int) -> bool:
        """Whether other work is not to come before ``request``: a view moves, of a client that does not only watch."""
        return request.quality == "moving" and client not in self._viewers

    @property
    def is_view_moving(self) -> bool:
        """Whether a picture of a moving view is asked for, by a client that does not only watch."""
        with self._changed:
            return any(self.presses(request, client) for (client, _), request in self._requests.items())

    @property
    def is_pressing(self) -> bool:
        """Whether a final picture should make way: a view has begun to move, or something is waited for."""
        with self._changed:
            # Data comes all the time while it is captured; all else is a button that someone pressed.
            pressed = any(not isinstance(command, AddView | AddFile) for command, _ in self._commands)
            return pressed or self.is_view_moving
