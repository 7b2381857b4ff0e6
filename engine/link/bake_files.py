"""The names of what a bake writes: both sides know them, so that none has to list a folder."""

from __future__ import annotations


def frame_name(index: int, suffix: str) -> str:
    """The picture of a frame, ``index`` 0 being number 1; ``suffix`` "png" or "exr"."""
    return f"frame_{index + 1:04d}.{suffix}"


def depth_name(index: int) -> str:
    """The depth picture of a frame."""
    return f"depth_{index + 1:04d}.exr"
