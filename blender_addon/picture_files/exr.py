"""OpenEXR files with nothing but numpy and zlib: Blender itself can't put +inf or bare numpy pixels into one, and reads
files in its main thread only, where its window waits."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_MAGIC_NUMBER, _VERSION = 20000630, 2
_LONG_NAMES = 0x400  # a flag in the version: some attribute has a name of more than 31 letters
_MAGIC = struct.pack("<ii", _MAGIC_NUMBER, _VERSION)
_HALF, _FLOAT = 1, 2
_ZIP = 3
_ROWS_PER_BLOCK = 16  # what ZIP compression prescribes
_ROWS_OF_BLOCKS = {0: 1, 2: 1, _ZIP: _ROWS_PER_BLOCK}  # by compression: none, ZIP of single lines, ZIP
_TYPES = {_HALF: "<f2", _FLOAT: "<f4"}
_MAX_SIDE = 1 << 15


def encode_exr(channels: Mapping[str, np.ndarray]) -> bytes:
    """An EXR file of ``channels``: name to [H, W] float16 or float32, first row on top. Lossless ZIP compression."""
    names = sorted(channels)  # the format wants them so
    planes = [np.ascontiguousarray(channels[name], channels[name].dtype.newbyteorder("<")) for name in names]
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


def decode_exr(content: bytes) -> dict[str, np.ndarray]:
    """The channels of an EXR file such as ``encode_exr`` makes: name to [H, W] float16 or float32, first row on top.

    Reads flat files of one part in scan lines, of half and full floats, plain or in ZIP compression; from any thread.
    Raises ValueError for all others, and for a file that is cut short.
    """
    try:
        return _decode(content)
    except (struct.error, zlib.error, IndexError, KeyError, ValueError) as error:
        raise ValueError(f"can't be read as OpenEXR ({error})") from None


def _decode(content: bytes) -> dict[str, np.ndarray]:
    attributes, position = _read_header(content)
    compression = attributes["compression"][0]
    if compression not in _ROWS_OF_BLOCKS:
        raise ValueError("a compression other than ZIP")
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    types = _read_channels(attributes["channels"])
    rows_per_block = _ROWS_OF_BLOCKS[compression]
    blocks = -(-height // rows_per_block)
    row_bytes = width * sum(np.dtype(kind).itemsize for kind in types.values())
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise ValueError(f"a picture of {width}x{height} pixels")
    planes = {name: np.empty((height, width), kind) for name, kind in types.items()}
    for offset in struct.unpack_from(f"<{blocks}Q", content, position):
        first, size = struct.unpack_from("<ii", content, offset)
        first -= top
        rows = min(rows_per_block, height - first)
        packed = content[offset + 8 : offset + 8 + size]
        pixels = packed if size == rows * row_bytes else _unpack(packed, rows * row_bytes)
        if not 0 <= first < height or len(pixels) != rows * row_bytes:
            raise ValueError("a block of pixels is of the wrong size")
        at = 0
        for row in range(first, first + rows):
            for plane in planes.values():
                plane[row] = np.frombuffer(pixels, plane.dtype, width, at)
                at += plane[row].nbytes
    return planes


def _read_header(content: bytes) -> tuple[dict[str, bytes], int]:
    """The attributes of the one header, and where it ends."""
    magic, version = struct.unpack_from("<ii", content)
    if magic != _MAGIC_NUMBER or version & ~_LONG_NAMES != _VERSION:
        raise ValueError("not a file of one flat part")
    attributes = {}
    position = len(_MAGIC)
    while content[position] != 0:
        name_end = content.index(b"\0", position)
        kind_end = content.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<i", content, kind_end + 1)
        start = kind_end + 5
        attributes[content[position:name_end].decode()] = content[start : start + size]
        position = start + size
    return attributes, position + 1


def _read_channels(value: bytes) -> dict[str, str]:
    """Channel names to numpy types, in the order of the file."""
    types = {}
    position = 0
    while value[position] != 0:
        end = value.index(b"\0", position)
        kind, _, *sampling = struct.unpack_from("<iB3xii", value, end + 1)
        if kind not in _TYPES or sampling != [1, 1]:
            raise ValueError("channels other than half and full floats for each pixel")
        types[value[position:end].decode()] = _TYPES[kind]
        position = end + 17
    return types


def _unpack(packed: bytes, size: int) -> bytes:
    """Undo ZIP compression: differences, and even bytes before odd ones."""
    differences = np.frombuffer(zlib.decompressobj().decompress(packed, size), np.uint8).copy()
    differences[1:] -= np.uint8(128)
    split = np.cumsum(differences, dtype=np.uint8)
    pixels = np.empty_like(split)
    middle = (len(split) + 1) // 2
    pixels[0::2], pixels[1::2] = split[:middle], split[middle:]
    return pixels.tobytes()


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
    rows = np.concatenate([plane[first:end].view(np.uint8) for plane in planes], axis=1).reshape(-1)
    # ZIP compression works on even bytes before odd ones, and on differences.
    split = np.concatenate((rows[0::2], rows[1::2]))
    differences = split.copy()
    differences[1:] = split[1:] - split[:-1] + np.uint8(128)
    packed = zlib.compress(differences.tobytes(), 4)
    if len(packed) >= len(rows):
        packed = rows.tobytes()  # a block that doesn't shrink is stored as it is
    return struct.pack("<ii", first, len(packed)) + packed
