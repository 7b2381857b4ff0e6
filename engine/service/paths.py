"""Paths that come over the wire stay inside the engine's root."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath


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
