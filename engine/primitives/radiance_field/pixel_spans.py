"""Which parts of an array that only grows at its end are in use."""

from __future__ import annotations

import bisect


class PixelSpans:
    """Hands out spans of a given length, those that were given back first; ``end`` is where the last one ends."""

    def __init__(self) -> None:
        self.end = 0
        self._free: list[tuple[int, int]] = []  # (first, length), in order, never two in a row

    def copy(self) -> PixelSpans:
        """One to try something with."""
        copy = PixelSpans()
        copy.end, copy._free = self.end, list(self._free)
        return copy

    def take(self, length: int) -> int:
        """The first pixel of a span of this length, which is the caller's until ``give_back``."""
        for index, (first, free) in enumerate(self._free):
            if free >= length:
                left = [(first + length, free - length)] if free > length else []
                self._free[index : index + 1] = left
                return first
        self.end += length
        return self.end - length

    def give_back(self, first: int, length: int) -> None:
        """The span of this length that begins at ``first`` is no longer needed."""
        index = bisect.bisect(self._free, (first, length))
        if index < len(self._free) and self._free[index][0] == first + length:
            length += self._free.pop(index)[1]
        if index and sum(self._free[index - 1]) == first:
            index -= 1
            former, free = self._free.pop(index)
            first, length = former, free + length
        if first + length == self.end:
            self.end = first
        else:
            self._free.insert(index, (first, length))
