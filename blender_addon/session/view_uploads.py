"""Which captured views, or files to learn from, the engine holds, and which it still has to get."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from engine.link.codec import size_of
from engine.link.messages import AddFile, AddView

from ..background import Task

Item = AddView | AddFile
ViewState = Literal["waiting", "sent", "held", "refused"]

MEMORY_BOUND = 256 * 1024 * 1024
_READ_AHEAD = 4  # views that are read at a time


@dataclass
class _Entry:
    reload: Callable[[], Item]
    message: Item | None
    state: ViewState = "waiting"
    reading: Task[Item] | None = None


class ViewUploadQueue:
    """Views on their way to the engine, in the order of capture.

    Every view is on disk already, so nothing here is the only copy: pixels stay in memory while the bound allows and
    are read again by the view's ``reload`` when they are needed later (a slow link, an engine that was restarted).
    """

    def __init__(self, memory_bound: int = MEMORY_BOUND) -> None:
        self._entries: dict[str, _Entry] = {}
        self._memory_bound = memory_bound

    def put(self, name: str, reload: Callable[[], Item], message: Item | None = None) -> None:
        """Add a view, or replace the one of the same name. ``message`` is what ``reload`` would read from disk."""
        if message is not None and self._bytes_in_memory() + size_of(message) > self._memory_bound:
            message = None
        self._entries[name] = _Entry(reload, message)

    def clear(self) -> None:
        """Forget every view."""
        self._entries.clear()

    def next_waiting(self) -> Item | None:
        """The oldest view still to be sent; None when there is none, or while it is read from disk, which threads do.
        Raises what its ``reload`` raised."""
        waiting = (entry for entry in self._entries.values() if entry.state == "waiting")
        first = list(itertools.islice(waiting, _READ_AHEAD))
        for entry in first:
            if entry.message is None and entry.reading is None:
                entry.reading = Task(entry.reload, "hashlight-read")
        if not first:
            return None
        oldest = first[0]
        if oldest.reading is not None:
            if oldest.reading.is_running:
                return None
            reading, oldest.reading = oldest.reading, None
            oldest.message = reading.result()
        return oldest.message

    def mark(self, name: str, state: ViewState) -> None:
        """Note what became of a view; names never offered here are ignored."""
        if entry := self._entries.get(name):
            entry.state = state
            if state != "waiting":
                entry.message = None

    def start_over(self, held: Iterable[str]) -> None:
        """The engine is a new one that holds only ``held``: every other view that was not refused waits again."""
        names = set(held)
        for name, entry in self._entries.items():
            if entry.state != "refused":
                entry.state = "held" if name in names else "waiting"

    def names(self, *states: ViewState) -> Iterator[str]:
        """Names of the views in any of ``states``, in the order of capture."""
        return (name for name, entry in self._entries.items() if entry.state in states)

    def count(self, *states: ViewState) -> int:
        """How many views are in any of ``states``."""
        return sum(1 for _ in self.names(*states))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def _bytes_in_memory(self) -> int:
        return sum(size_of(entry.message) for entry in self._entries.values() if entry.message is not None)
