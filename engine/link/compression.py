"""Bytes made smaller for the network, without a loss: by Zstandard where both sides have it, and else by zlib.

Blender's own builds bring the package ``zstandard``, as the engine does; a distribution's Blender may lack it. What a
block of bytes was compressed by is told by its first byte.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Numbers

Compression = Literal["zlib", "zstd"]

_LEVEL = 1
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_WINDOW = 8 << 20  # bytes at most that a decoder keeps beside its result; level 1 wants a sixteenth


class CompressionError(ValueError):
    """Bytes that don't unpack to what was promised, or that this side can't unpack."""


@functools.cache
def best_compression() -> Compression:
    """The better of those that this Python has."""
    try:
        import zstandard  # noqa: F401
    except ImportError:
        return "zlib"
    return "zstd"


def compression_between(other: Compression) -> Compression:
    """The better of those that this Python and the other side's have, whose best is ``other``."""
    return "zstd" if best_compression() == other == "zstd" else "zlib"


def compress(data: bytes | memoryview, compression: Compression, of_runs: bool = False) -> bytes:
    """``data`` for ``decompress``. ``of_runs``: what repeats in it are runs of one byte, mostly."""
    if compression == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=_LEVEL).compress(data)
    # zlib is faster where it looks for nothing but runs, and then they leave less.
    strategy = zlib.Z_RLE if of_runs else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 15, 9, strategy)
    return packer.compress(data) + packer.flush()


def decompress(data: bytes | memoryview, size: int) -> bytes:
    """What ``compress`` was given: ``size`` bytes, for nothing larger is room made. Raises CompressionError."""
    unpack = _unpack_zstd if bytes(data[:4]) == _ZSTD_MAGIC else _unpack_zlib
    content = unpack(data, size)
    if len(content) != size:
        raise CompressionError(f"unpacks to another size than {size} bytes")
    return content


def compress_array(array: Numbers, compression: Compression) -> bytes:
    """``array`` for ``decompress_array``: its elements' first bytes, then all second ones, and so on, for those of
    neighbours are more alike than what follows one another in memory."""
    elements = array.reshape(-1).view(np.uint8).reshape(-1, array.itemsize)
    return compress(np.ascontiguousarray(elements.T).reshape(-1).data, compression)


def decompress_array(data: bytes | memoryview, dtype: str, shape: Sequence[int]) -> Numbers:
    """The array that ``compress_array`` was given, to be written to. Raises CompressionError."""
    itemsize, count = np.dtype(dtype).itemsize, math.prod(shape)
    planes = np.frombuffer(decompress(data, itemsize * count), np.uint8).reshape(itemsize, count)
    array: Numbers = _interleave(planes).reshape(-1).view(dtype).reshape(shape)
    return array


def _interleave(planes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    elements = np.empty(planes.shape[::-1], np.uint8)
    for place, plane in enumerate(planes):
        elements[:, place] = plane
    return elements


def _unpack_zstd(data: bytes | memoryview, size: int) -> bytes:
    if best_compression() != "zstd":
        raise CompressionError("this side's Python has no package zstandard to unpack it with")
    import zstandard

    try:
        # The decoder allocates what the frame promises.
        if zstandard.get_frame_parameters(data).content_size != size:
            raise CompressionError(f"unpacks to another size than {size} bytes")
        return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise CompressionError(f"broken compression: {error}") from None


def _unpack_zlib(data: bytes | memoryview, size: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        # One more is asked for: with all bytes out that were, zlib may hold back the mark of the stream's end.
        content = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise CompressionError(f"broken compression: {error}") from None
    if not unpacker.eof or unpacker.unused_data:
        raise CompressionError(f"unpacks to another size than {size} bytes")
    return content
