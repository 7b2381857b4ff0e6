"""Memory for pictures, used again and again: fresh memory is slow, for the system hands it out page by page, and takes
it back while Blender's window waits. Any thread. No ``bpy``."""

from __future__ import annotations

import weakref
from collections import deque

import numpy as np

KEPT = 3  # pieces that are not in use: colour and depth for the viewport, colour for a plane

_free: deque[np.ndarray] = deque(maxlen=KEPT)  # the one that has waited longest first


def borrow(size: int) -> np.ndarray:
    """[size] float32 that holds anything. Its memory is lent anew as soon as nothing refers to the array, or to a part
    of it."""
    memory = _find(size)
    # An array that stands on a buffer, not on another array: that is what all parts of it, and theirs, keep alive.
    lent = np.frombuffer(memory.data, np.float32, size)
    weakref.finalize(lent, _free.append, memory).atexit = False
    return lent


def forget() -> None:
    """Free what is not in use."""
    _free.clear()


def _find(size: int) -> np.ndarray:
    for _ in range(len(_free)):
        try:
            memory = _free.popleft()
        except IndexError:  # other threads borrow, too
            break
        if memory.size >= size:
            return memory
        _free.append(memory)
    return np.empty(size, np.float32)
