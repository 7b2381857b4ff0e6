"""Files for the client, read in a thread that nothing else waits for: a disk may never answer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine.link.messages import FetchFile, Message, Problem
from engine.service.paths import PathError, read_chunk

PATIENCE_SECONDS = 10.0
MAX_WAITING = 256
_MAX_STUCK = 4


class FileReader:
    """Reads one piece after another and hands each to the ``post`` that came with it, from its own thread.

    A read that does not end is given up, with the thread it is stuck in; when several are, nothing more is read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._thread: _ReadingThread | None = None
        self._stuck: list[_ReadingThread] = []

    def read(self, request: FetchFile, post: Callable[[Message], None]) -> None:
        """Have ``request`` answered by a FileChunk or a Problem. Never waits."""
        with self._lock:
            self._stuck = [thread for thread in self._stuck if thread.is_stuck]
            if len(self._stuck) >= _MAX_STUCK:
                words = f"{request.path}: {len(self._stuck)} files can't be read: their disk does not answer"
                post(Problem(code="file", message=words, regarding=request.path))
                return
            if self._thread is None:
                self._thread = _ReadingThread(self._root)
            if not self._thread.put(request, post):
                words = f"{request.path}: {MAX_WAITING} pieces of files are waited for already"
                post(Problem(code="file", message=words, regarding=request.path))

    def give_up_stuck(self) -> None:
        """Answer for reads that take too long; call it now and then."""
        with self._lock:
            if self._thread is None or not self._thread.is_stuck:
                return
            thread, self._thread = self._thread, None
            self._stuck.append(thread)
        thread.give_up()


class _ReadingThread:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._requests: queue.Queue[tuple[FetchFile, Callable[[Message], None]]] = queue.Queue(MAX_WAITING)
        self._current: tuple[FetchFile, Callable[[Message], None]] | None = None
        self._since = 0.0
        self._lock = threading.Lock()
        self._given_up = False
        threading.Thread(target=self._run, name="hashlight-files", daemon=True).start()

    @property
    def is_stuck(self) -> bool:
        return self._current is not None and time.monotonic() - self._since > PATIENCE_SECONDS

    def put(self, request: FetchFile, post: Callable[[Message], None]) -> bool:
        try:
            self._requests.put_nowait((request, post))
        except queue.Full:
            return False
        return True

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            waiting = [] if self._current is None else [self._current]
        while not self._requests.empty():
            waiting.append(self._requests.get_nowait())
        for request, post in waiting:
            words = f"{request.path}: the disk has not answered for {PATIENCE_SECONDS:g} s"
            post(Problem(code="file", message=words, regarding=request.path))

    def _run(self) -> None:
        while not self._given_up:
            request, post = self._requests.get()
            self._current, self._since = (request, post), time.monotonic()
            answer = self._answer(request)
            with self._lock:
                self._current = None
                if self._given_up:
                    return
            post(answer)

    def _answer(self, request: FetchFile) -> Message:
        try:
            return read_chunk(self._root, request)
        except PathError as error:
            words = str(error)
        except OSError as error:
            words = f"{request.path}: {error.strerror or error}"
        except Exception as error:
            words = f"{request.path}: can't be read: {type(error).__name__}: {error}"
        return Problem(code="file", message=words, regarding=request.path)
