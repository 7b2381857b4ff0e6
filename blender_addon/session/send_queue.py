"""What waits to be sent to the engine: messages in order, then captured views as the link has room. No ``bpy``."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator

from engine.link.client import LinkBusy, LinkError, LinkLost
from engine.link.messages import CloseRun, Message, OpenRun

from .attachment import Attachment
from .failure import Failure
from .view_uploads import Item, ViewUploadQueue

SEND_AHEAD = 64 * 1024 * 1024  # bytes of views handed to the network before the next one waits
SEND_BUDGET = 0.002  # seconds of one call after which no further view is begun: Blender's window waits meanwhile


class SendQueue:
    """Messages and views on their way to ``engine``; ``report`` hears of those that can't be sent.

    Nothing but the wish for a run, or for none, is sent before a run is open.
    """

    def __init__(self, engine: Attachment, views: ViewUploadQueue, report: Callable[[Failure], None]) -> None:
        self._engine = engine
        self._views = views
        self._report = report
        self._messages: deque[Message] = deque()

    def append(self, message: Message) -> None:
        """Send ``message`` after the others, in place of those that it replaces."""
        if message.replaces is not None:
            key = message.replacement_key
            self._messages = deque(old for old in self._messages if old.replacement_key != key)
        self._messages.append(message)

    def put_first(self, message: Message) -> None:
        """Send ``message`` before the others."""
        self._messages.appendleft(message)

    def holds(self, message_type: type[Message]) -> bool:
        """Whether a message of this type waits."""
        return any(isinstance(message, message_type) for message in self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def clear(self) -> None:
        """Send none of the messages that wait."""
        self._messages.clear()

    def send(self, is_run_open: bool) -> None:
        """Send what the link takes. Never waits; what is left is for the next call."""
        with contextlib.suppress(LinkBusy, LinkLost):  # the next call tries again, or the engine's loss is noticed
            self._send_messages(is_run_open)
            if is_run_open:
                self._send_views()

    def send_messages(self, is_run_open: bool) -> None:
        """``send``, but no views: reading one may take a while."""
        with contextlib.suppress(LinkBusy, LinkLost):
            self._send_messages(is_run_open)

    def _send_messages(self, is_run_open: bool) -> None:
        while self._messages and (is_run_open or isinstance(self._messages[0], OpenRun | CloseRun)):
            self._send_one(self._messages[0])
            self._messages.popleft()

    def _send_views(self) -> None:
        until = time.perf_counter() + SEND_BUDGET
        while self._engine.pending_bytes < SEND_AHEAD and time.perf_counter() < until:
            view = self._next_view()
            if view is None:
                return
            self._views.mark(view.name, "sent" if self._send_one(view) else "refused")

    def _send_one(self, message: Message) -> bool:
        """Give ``message`` to the link; False when it is malformed. Raises LinkBusy, LinkLost."""
        try:
            self._engine.send(message)
        except (LinkBusy, LinkLost):
            raise
        except LinkError as error:
            self._report(Failure(f"{type(message).__name__} could not be sent: {error}"))
            return False
        return True

    def _next_view(self) -> Item | None:
        name = next(self._views.names("waiting"), None)
        if name is None:
            return None
        try:
            return self._views.next_waiting()
        except (OSError, ValueError, RuntimeError) as error:
            self._views.mark(name, "refused")
            words = f"View {name} could not be read again: {error}"
            self._report(Failure(words, "Capture it once more.", "view", name))
            return None
