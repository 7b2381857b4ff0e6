"""Paths that come over the wire stay inside the engine's root; files there that a client may fetch."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

import numpy as np

from engine.link.messages import MAX_CHUNK_BYTES, FetchFile, FileChunk

# What the engine itself writes for others to use; the root may be a folder that also holds a token or a key.
FETCHABLE = frozenset({".png", ".exr", ".mp4", ".webp", ".json", ".safetensors"})


class PathError(ValueError):
    """A path that leads out of the root or is none; the message names the field."""


def confine(root: Path, relative: str, field: str) -> Path:
    """The absolute path of ``relative`` under ``root``, symbolic links followed. Raises PathError that names ``field``
    when it is empty, absolute, the root itself, or leads outside."""
    foreign = PureWindowsPath(relative)  # also knows / and, on every system, drives and \\\\servers
    if not relative.strip() or foreign.drive or foreign.root or Path(relative).is_absolute():
        raise PathError(f"{field}: {relative!r} must be a path relative to the engine's root folder")
    root = root.resolve()
    try:
        path = (root / relative).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise PathError(f"{field}: {relative!r} is not a usable path: {error}") from error
    if path == root or not path.is_relative_to(root):
        raise PathError(f"{field}: {relative!r} leads out of the engine's root folder")
    return path


def read_chunk(root: Path, request: FetchFile) -> FileChunk:
    """The piece of a file under ``root`` that ``request`` asks for. Raises PathError for files that are not the
    client's to fetch, OSError when it isn't there or can't be read."""
    path = confine(root, request.path, "path")
    if path.suffix.lower() not in FETCHABLE:
        raise PathError(f"path: {request.path!r} is not a kind of file that can be fetched")
    if request.offset < 0 or not 1 <= request.size <= MAX_CHUNK_BYTES:
        raise PathError(f"path: {request.path!r}: can't send {request.size} bytes from {request.offset} on")
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        file.seek(request.offset)
        data = file.read(request.size)
    return FileChunk(
        path=request.path,
        offset=request.offset,
        total=status.st_size,
        modified=status.st_mtime_ns,
        data=np.frombuffer(data, np.uint8) if data else None,
    )
