"""Requests to end: Ctrl-C, a polite kill (SIGTERM), a terminal that was closed (SIGHUP). All are heard alike, and the
exit code tells which it was: 128 and the signal's number, as shells count."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # not every system has all

_heard: list[int] = []  # requests since the outermost of nested contexts began
_depth = 0


class Interrupted(KeyboardInterrupt):
    """A request to end, by the signal ``number``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_code_of(stop: KeyboardInterrupt) -> int:
    """The exit code that tells of it."""
    return 128 + int(stop.number if isinstance(stop, Interrupted) else signal.SIGINT)


@contextlib.contextmanager
def interrupts_raised() -> Iterator[None]:
    """While inside, each request to end raises Interrupted wherever the main thread is, as Ctrl-C does by itself."""
    with requests_heard(_raise):
        yield


class DeferredInterrupt:
    """While inside, a request to end only sets ``requested``; a second Ctrl-C interrupts at once.

    Long loops look at ``requested`` between steps, so that nothing is left half-written. Who closes a terminal or ends
    a service may well send several signals: these don't cut short what the first has begun.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._stack = contextlib.ExitStack()

    @property
    def requested(self) -> bool:
        """Whether the process is to end."""
        return self.number is not None

    @property
    def exit_code(self) -> int:
        """That of a process which ends by request."""
        return 128 + int(self.number or signal.SIGINT)

    def __enter__(self) -> DeferredInterrupt:
        self._stack.enter_context(requests_heard(self._handle))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _handle(self, number: int) -> None:
        if self.requested and number == signal.SIGINT:
            raise Interrupted(number)
        self.number = self.number or number


@contextlib.contextmanager
def requests_heard(handler: Callable[[int], None]) -> Iterator[None]:
    """Have ``handler`` called with the signal's number for each request, in the main thread between any two
    instructions. Those that this process was started to ignore (nohup) it ignores.

    After a request, further ones don't cut short the end of the process, whose exit code is to tell of the first: not
    in the contexts around this one either, though Ctrl-C does.
    """
    global _depth
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    terminals = [stream for stream in (sys.stdout, sys.stderr) if stream is not None and _is_terminal(stream)]

    def handle(number: int, frame: FrameType | None) -> None:
        if number == getattr(signal, "SIGHUP", None):
            _leave(terminals)
        _heard.append(number)
        handler(number)

    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    former = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number in numbers if former[number] is not signal.SIG_IGN]
    if _depth == 0:
        _heard.clear()
    _depth += 1
    for number in heard:
        signal.signal(number, handle)
    try:
        yield
    finally:
        _depth -= 1
        for number in heard:
            after = former[number] or signal.SIG_DFL
            signal.signal(number, _pass_over if _heard and number != signal.SIGINT else after)
        if _depth == 0 and _heard:
            atexit.register(_ignore_requests)


def _pass_over(number: int, frame: FrameType | None) -> None:
    """Go on. Programs started by this one don't inherit it, as they would SIG_IGN."""


def _ignore_requests() -> None:
    """At the very end Python puts the system's own handlers back, which would end the process with another code."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _raise(number: int) -> None:
    raise Interrupted(number)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (OSError, ValueError):
        return False


def _leave(terminals: list[Any]) -> None:
    """Print nothing more on a terminal that is gone: it would be an error, in the midst of saving."""
    for stream in terminals:
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), stream.fileno())
