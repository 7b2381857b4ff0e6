"""Work beside Blender's window. No ``bpy``: what is done there must not touch Blender's data."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Task(Generic[T]):
    """A function that runs in a thread of its own, from now on."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        """``name``: the thread's."""
        self._work = work
        self._result: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it is still at it."""
        return self._thread.is_alive()

    @property
    def error(self) -> BaseException | None:
        """What the function raised; None if it returned, or is still at it."""
        return None if self.is_running else self._error

    def result(self) -> T:
        """What the function returned, waiting for it if need be; raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # there is one: no error

    def wait(self, timeout: float) -> None:
        """Wait for the end, ``timeout`` seconds at most, whatever comes of it."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # handed to whoever asks for the result
            self._error = error


def describe_failure(error: BaseException) -> str:
    """A message of what went wrong in a task unexpectedly: the file at fault, or the kind of exception."""
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}"
    return f"{type(error).__name__}: {error}"
