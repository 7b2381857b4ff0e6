"""Files from an engine on another computer, piece by piece through the link.

The main thread asks for pieces and hands what comes to a thread that writes. So many pieces are in flight at a time
that the network is kept busy, and no more: memory stays bounded, and cancelling takes effect at once.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.link.disk import replace_file
from engine.link.file_lock import lock_file
from engine.link.messages import MAX_CHUNK_BYTES, FileChunk, Problem
from engine.link.part_files import part_of

from .delivery import Delivery, is_there

MAX_FILE_BYTES = 64 << 30
WINDOW = 8  # pieces that are asked for and not yet written
_STOP_CHECK = 0.2  # seconds

Ask = Callable[[str, int], None]


@dataclass
class _File:
    """A file that is being fetched. The main thread owns all but the last two fields."""

    path: str
    target: Path
    total: int = -1
    modified: int = 0
    handle: BinaryIO | None = None
    written: int = 0


@dataclass
class _Piece:
    file: _File
    offset: int
    data: np.ndarray | None = field(repr=False, default=None)


class Fetching(Delivery):
    """Files by their path under the engine's root and where they are to be. ``ask(path, offset)`` asks the engine."""

    def __init__(self, files: Sequence[tuple[str, Path]], ask: Ask) -> None:
        super().__init__(target for _, target in files)
        self._files = {path: _File(path, target) for path, target in files}
        self._ask = ask
        self._wanted = deque((file, 0) for file in self._files.values())
        self._expected: set[tuple[str, int]] = set()
        self._arrived: queue.Queue[_Piece] = queue.Queue()
        self._is_cut_off = False

    # --- main thread --------------------------------------------------------------------------------------------------

    def poll(self) -> bool:
        """Ask for more, and note how it stands; returns whether it goes on."""
        may_ask = not self._is_cut_off and not self._stop.is_set()
        while may_ask and self._wanted and len(self._expected) + self._arrived.qsize() < WINDOW:
            file, offset = self._wanted.popleft()
            self._expected.add((file.path, offset))
            self._ask(file.path, offset)
        return super().poll()

    def note_connection(self, is_there: bool) -> None:
        """Ask for nothing while the connection is made again, then once more for what was on its way."""
        if is_there and self._is_cut_off:
            self._wanted.extendleft((self._files[path], offset) for path, offset in self._expected)
            self._expected.clear()
        self._is_cut_off = not is_there

    def take(self, chunk: FileChunk) -> None:
        """A piece has come; one that wasn't asked for is ignored."""
        if (chunk.path, chunk.offset) not in self._expected:
            return
        self._expected.remove((chunk.path, chunk.offset))
        file = self._files[chunk.path]
        if not 0 <= chunk.total <= MAX_FILE_BYTES:
            self.fail(f"{file.path}: {chunk.total} bytes are more than can be fetched")
            return
        if file.total < 0:
            file.total, file.modified = chunk.total, chunk.modified
            if is_there(file.target, file.total, file.modified):
                self._arrived.put(_Piece(file, -1))
                return
            rest = range(MAX_CHUNK_BYTES, file.total, MAX_CHUNK_BYTES)
            self._wanted.extendleft((file, offset) for offset in reversed(rest))
        size = 0 if chunk.data is None else chunk.data.size
        if (file.total, file.modified) != (chunk.total, chunk.modified):
            self.fail(f"{file.path} was written again while it was fetched: fetch it once more")
        elif size != min(MAX_CHUNK_BYTES, file.total - chunk.offset):
            self.fail(f"{file.path}: the engine sent {size} bytes where more were expected")
        else:
            self._arrived.put(_Piece(file, chunk.offset, chunk.data))

    def refuse(self, problem: Problem) -> None:
        """The engine can't send a file; problems with anything else are ignored."""
        if problem.regarding in self._files:
            self.fail(problem.message)

    def fail(self, words: str) -> None:
        """Give up, and say why."""
        self.error = self.error or words
        self._stop.set()

    # --- writing thread -----------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        try:
            while self.done < self.total and not self._stop.is_set():
                try:
                    piece = self._arrived.get(timeout=_STOP_CHECK)
                except queue.Empty:
                    continue
                if piece.offset < 0 or self._write(piece):
                    self.done += 1
        finally:
            for file in self._files.values():
                if file.handle is not None:
                    file.handle.close()
                    with contextlib.suppress(OSError):
                        part_of(file.target).unlink(missing_ok=True)

    def _write(self, piece: _Piece) -> bool:
        """Write a piece; returns whether the file is whole now."""
        file = piece.file
        temporary = part_of(file.target)
        if file.handle is None:
            file.target.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(file.target.parent).free < file.total:
                raise OSError(28, "No space left on the disk", str(file.target))
            file.handle = temporary.open("wb")
            lock_file(file.handle)
        if piece.data is not None:
            file.handle.seek(piece.offset)
            file.handle.write(piece.data.data)
            file.written += piece.data.size
        if file.written < file.total:
            return False
        file.handle.close()
        file.handle = None
        os.utime(temporary, ns=(file.modified, file.modified))
        replace_file(temporary, file.target)
        return True
