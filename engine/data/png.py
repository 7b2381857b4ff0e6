"""PNG files that are quick to write and to read: of Blender's side, which has nothing but numpy for it, too."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

COMPRESSION = 3  # more costs more time than the rendering, and saves a few percent
_COLOR_TYPES = {3: 2, 4: 6}  # by channels
_UP = 2


def encode_png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A PNG file of ``pixels`` [H, W, 3 or 4] uint8, sRGB with straight alpha.

    Every row is stored as its difference to the one above: half the time of trying which difference suits each row, for
    a few percent more bytes.
    """
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, -1)
    lines = np.empty((height, 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = _UP
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.data, COMPRESSION)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
