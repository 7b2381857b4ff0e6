"""Write OpenEXR files with nothing but numpy and zlib: Blender itself can't put +inf or bare numpy pixels into one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_MAGIC = struct.pack("<ii", 20000630, 2)
_HALF, _FLOAT = 1, 2
_ZIP = 3
_ROWS_PER_BLOCK = 16  # what ZIP compression prescribes


def encode_exr(channels: Mapping[str, np.ndarray]) -> bytes:
    """An EXR file of ``channels``: name to [H, W] float16 or float32, first row on top. Lossless ZIP compression."""
    names = sorted(channels)  # the format wants them so
    planes = [channels[name].astype(channels[name].dtype.newbyteorder("<"), copy=False) for name in names]
    height, width = planes[0].shape
    header = _header(dict(zip(names, planes, strict=True)), width, height)
    blocks = [
        _block(planes, first, min(first + _ROWS_PER_BLOCK, height)) for first in range(0, height, _ROWS_PER_BLOCK)
    ]
    start = len(_MAGIC) + len(header) + 8 * len(blocks)
    offsets = start + np.cumsum([0, *(len(block) for block in blocks[:-1])])
    return b"".join((_MAGIC, header, offsets.astype("<u8").tobytes(), *blocks))


def write_exr(path: Path, channels: Mapping[str, np.ndarray]) -> None:
    """Write ``encode_exr(channels)`` to ``path``: under a temporary name first, then renamed. Raises OSError."""
    write_atomically(path, encode_exr(channels))


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is either there whole or not at all. Raises OSError."""
    temporary = path.with_name(f"{path.name}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _header(planes: Mapping[str, np.ndarray], width: int, height: int) -> bytes:
    channel_list = b"".join(
        name.encode() + b"\0" + struct.pack("<iB3xii", _HALF if plane.dtype.itemsize == 2 else _FLOAT, 0, 1, 1)
        for name, plane in planes.items()
    )
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    attributes = (
        ("channels", "chlist", channel_list + b"\0"),
        ("compression", "compression", struct.pack("<B", _ZIP)),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1.0)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0.0, 0.0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1.0)),
    )
    parts = [f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value for name, kind, value in attributes]
    return b"".join(parts) + b"\0"


def _block(planes: list[np.ndarray], first: int, end: int) -> bytes:
    """One compressed block of rows ``first`` to ``end``: within each row, channel after channel."""
    rows = b"".join(plane[row].tobytes() for row in range(first, end) for plane in planes)
    # ZIP compression works on even bytes before odd ones, and on differences.
    split = np.frombuffer(rows, np.uint8)
    split = np.concatenate((split[0::2], split[1::2]))
    differences = split.copy()
    differences[1:] = split[1:] - split[:-1] + np.uint8(128)
    packed = zlib.compress(differences.tobytes(), 4)
    if len(packed) >= len(rows):
        packed = rows  # a block that doesn't shrink is stored as it is
    return struct.pack("<ii", first, len(packed)) + packed
