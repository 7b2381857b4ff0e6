"""PNG files read with nothing but numpy and zlib: Blender itself reads files in its main thread only."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}  # by colour type
_MAX_SIDE = 1 << 15
_NONE, _LEFT, _UP, _AVERAGE, _PAETH = range(5)  # what the bytes of a row are differences to


def decode_png(content: bytes) -> np.ndarray:
    """The picture in a PNG file: [H, W, 3 or 4] uint8, as stored, first row on top. From any thread.

    Reads true colour of 8 bits a channel, with or without alpha, not interlaced. Raises ValueError for all others, and
    for a file that is damaged.
    """
    try:
        return _decode(content)
    except (struct.error, zlib.error, KeyError, IndexError, StopIteration, ValueError) as error:
        raise ValueError(f"can't be read as PNG ({error})") from None


def _decode(content: bytes) -> np.ndarray:
    chunks = _chunks(content)
    kind, header = next(chunks)
    width, height, depth, color_type, *rest = struct.unpack(">IIBBBBB", header)
    if kind != b"IHDR" or depth != 8 or any(rest) or color_type not in _CHANNELS:
        raise ValueError("other than plain true colour of 8 bits")
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise ValueError(f"a picture of {width}x{height} pixels")
    channels = _CHANNELS[color_type]
    size = height * (1 + width * channels)
    packed = b"".join(data for kind, data in chunks if kind == b"IDAT")
    lines = np.frombuffer(zlib.decompressobj().decompress(packed, size), np.uint8)
    if len(lines) != size:
        raise ValueError("it is cut short")
    lines = lines.reshape(height, -1)
    filters, rows = lines[:, 0], lines[:, 1:].reshape(height, width, channels)
    if filters.max() > _PAETH:
        raise ValueError("an unknown filter")
    return _add_up_rows(filters, rows) if filters.max() <= _UP else _add_up_diagonals(filters, rows)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not content.startswith(_SIGNATURE):
        raise ValueError("it doesn't begin as one")
    position, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        size, kind = struct.unpack_from(">I4s", content, position)
        yield kind, content[position + 8 : position + 8 + size]
        position += size + 12


def _add_up_rows(filters: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Pixels of differences to the left or above alone, a row at a time: that is how the engine writes its frames."""
    pixels = np.empty_like(rows)
    above = np.zeros_like(rows[0])
    for kind, row, target in zip(filters.tolist(), rows, pixels, strict=True):
        if kind == _LEFT:
            np.cumsum(row, axis=0, dtype=np.uint8, out=target)
        else:
            np.add(row, above if kind == _UP else np.uint8(0), out=target)
        above = target
    return pixels


def _add_up_diagonals(filters: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Pixels of differences of any kind. Each needs those to its left and above, so that only the pixels of a diagonal
    (from the right top to the left bottom) can be had at once."""
    height, width, channels = rows.shape
    pixels = np.zeros((height + 1, width + 1, channels), np.uint8)
    pixels[1:, 1:] = rows
    flat = pixels.reshape(-1, channels)
    kinds = filters[:, None]
    for diagonal in range(width + height - 1):
        top, end = max(0, diagonal - width + 1), min(diagonal + 1, height)
        first = (top + 1) * (width + 1) + diagonal - top + 1

        def along(offset: int, first: int = first, count: int = end - top) -> np.ndarray:
            start = first + offset
            return flat[start : start + (count - 1) * width + 1 : width]

        left, up, corner = (along(offset).astype(np.int16) for offset in (-1, -width - 1, -width - 2))
        to_left, to_up, to_corner = np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)
        nearest = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
        expected = np.choose(kinds[top:end], (np.int16(0), left, up, (left + up) >> 1, nearest))
        along(0)[...] += expected.astype(np.uint8)
    return pixels[1:, 1:]
