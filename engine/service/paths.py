"""Paths that come over the wire stay inside the engine's root; files there that a client may fetch."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path, PureWindowsPath
from typing import IO

import numpy as np

from engine.link.messages import FetchFile, FileChunk

# What the engine itself writes for others to use; the root may be a folder that also holds a token or a key.
FETCHABLE = frozenset({".png", ".exr", ".mp4", ".webp", ".json", ".jsonl", ".safetensors"})
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
# Names of devices on Windows, with any suffix, and what its names can't hold: a colon leads into a file's other
# streams, and dots and spaces at the end are dropped.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE)
_MOST_NAME_BYTES = 200  # systems have 255, of which names of files beside it take some more
_UNUSABLE = re.compile(r'.*([<>:"|?*\x00-\x1f].*|[^. ][. ]+)', re.DOTALL)


class PathError(ValueError):
    """A path that leads out of the root or is none; the message names the field."""


def confine(root: Path, relative: str, field: str) -> Path:
    """The absolute path of ``relative`` under ``root``, symbolic links followed. Raises PathError that names ``field``
    when it is empty, absolute, the root itself, or leads outside."""
    foreign = PureWindowsPath(relative)  # also knows / and, on every system, drives and \\\\servers
    if not relative.strip() or foreign.drive or foreign.root or Path(relative).is_absolute():
        raise PathError(f"{field}: {relative[:200]!r} must be a path relative to the engine's root folder")
    depth = 0
    for part in foreign.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:  # on Windows, where a \\ parts folders
            raise PathError(f"{field}: {relative[:200]!r} leads out of the engine's root folder")
        if (length := len(part.encode("utf-8", "replace"))) > _MOST_NAME_BYTES:
            words = f"{part[:40]!r}... is too long for the name of a file or folder"
            raise PathError(f"{field}: {words}: {length} bytes of at most {_MOST_NAME_BYTES}")
        if _RESERVED.fullmatch(part) or _UNUSABLE.fullmatch(part):
            raise PathError(f"{field}: {part[:200]!r} can't be the name of a file on every system: name another")
    root = root.resolve()
    try:
        path = (root / relative).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise PathError(f"{field}: {relative[:200]!r} is not a usable path: {error}") from error
    if path == root:
        raise PathError(f"{field}: {relative[:200]!r} is the engine's root folder itself: name one within it")
    if not path.is_relative_to(root):
        raise PathError(f"{field}: {relative[:200]!r} leads out of the engine's root folder")
    return path


def read_chunk(root: Path, request: FetchFile) -> FileChunk:
    """The piece of a file under ``root`` that ``request`` asks for. Raises PathError for files that are not the
    client's to fetch, OSError when it isn't there or can't be read."""
    path = confine(root, request.path, "path")
    if path.suffix.lower() not in FETCHABLE:
        raise PathError(f"path: {request.path[:200]!r} is not a kind of file that can be fetched")
    with _open_regular(path, request.path) as file:
        status = os.fstat(file.fileno())
        data = b""
        if request.offset < status.st_size:  # systems refuse to go much farther, in words about arguments
            file.seek(request.offset)
            data = file.read(request.size)
    return FileChunk(
        path=request.path,
        offset=request.offset,
        total=status.st_size,
        modified=status.st_mtime_ns,
        data=np.frombuffer(data, np.uint8) if data else None,
    )


def _open_regular(path: Path, name: str) -> IO[bytes]:
    """A file, and no pipe or device that a read would wait in, nor one that has taken its place meanwhile."""
    refusal = PathError(f"path: {name[:200]!r} is not a regular file")
    if not path.is_file():
        path.stat()  # raises OSError in the system's words when there is nothing
        raise refusal
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | _WITHOUT_WAITING)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise refusal
    return file
