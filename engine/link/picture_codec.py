"""Lossy compression of pictures and depths for the network; in a preview the loss doesn't show.

Colour goes through a logarithmic curve (highlights far above 1 survive), into luma and chroma at half the resolution,
through the cosine transform in blocks of 8x8, and is quantised; only tiles of 16x16 that hold something are kept.
Coefficients of one frequency lie together, so that most of what is then compressed are zeros. Alpha keeps 8 bits.
Depth is quantised evenly in 1/z over the picture's own range; what is empty stays empty to the pixel.
"""

from __future__ import annotations

import functools
import struct

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Dtype, Floats
from engine.link.compression import Compression, CompressionError, compress, decompress

_CURVE = 32.0  # v = ln(1 + 32 x): about as steep as sRGB at black and at white
_STEP = 0.03  # of the lowest frequencies, in v; 0.009 is one of 8-bit sRGB's 255 levels
_SLOPE = 0.22  # how much coarser each higher frequency is
_CHROMA = 2.0  # how much coarser chroma is
_DEPTH_LEVELS = 8191
_BLOCK = 8
_TILE = 16
_CHUNK = 256  # tiles at a time: few enough to stay in a processor's cache
_COLOR_HEADER = struct.Struct("<IB")  # tiles that hold something, kept frequencies
_DEPTH_HEADER = struct.Struct("<ddI")  # 1/z of the first level, and between two; tiles that hold something


class PictureError(ValueError):
    """Bytes that are no packed picture of the promised size."""


def pack_color(color: npt.NDArray[np.float16], compression: Compression) -> bytes:
    """``color`` [H, W, 4] float16, premultiplied, as bytes for ``unpack_color``."""
    mask, in_words = _cut_into_tiles(np.ascontiguousarray(color).view(np.uint64)[..., 0])  # a pixel is four halves
    tiles = in_words.view(np.uint16).reshape(-1, _TILE, _TILE, 4)
    count = len(tiles)
    quantised = np.empty((6 * count, 64), np.int16)
    alpha = np.empty(tiles.shape[:3], np.uint8)
    for start in range(0, count, _CHUNK):
        end = min(start + _CHUNK, count)
        quantised[6 * start : 6 * end] = _transform(tiles[start:end])
        np.take(_to_byte(), tiles[start:end, ..., 3], out=alpha[start:end])
    is_used = np.nonzero(quantised.any(axis=0))[0]
    frequencies = int(is_used[-1]) + 1 if is_used.size else 0
    signless = _fold(np.ascontiguousarray(quantised[:, :frequencies].T))
    parts = (
        np.packbits(mask).tobytes(),
        (signless & 0xFF).astype(np.uint8).tobytes(),
        (signless >> 8).astype(np.uint8).tobytes(),
        np.diff(alpha.reshape(-1), prepend=np.uint8(0)).tobytes(),
    )
    return _COLOR_HEADER.pack(count, frequencies) + compress(b"".join(parts), compression, of_runs=True)


def unpack_color(data: bytes | memoryview, height: int, width: int) -> npt.NDArray[np.float16]:
    """The picture [H, W, 4] float16 that ``pack_color`` made ``data`` of, about. Raises PictureError."""
    try:
        count, frequencies = _COLOR_HEADER.unpack_from(data)
    except struct.error as error:
        raise PictureError(str(error)) from None
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    if count > rows * columns or frequencies > 64:
        raise PictureError("more tiles than the picture has")
    values = 6 * count * frequencies
    sizes = [-(-rows * columns // 8), values, values, count * _TILE * _TILE]
    bits, low, high, alpha = _unpack(memoryview(data)[_COLOR_HEADER.size :], sizes)
    mask = _read_mask(bits, rows, columns, count)
    quantised = _unfold(low, high).reshape(frequencies, 6 * count)
    alpha = np.cumsum(alpha, dtype=np.uint8).reshape(count, _TILE, _TILE)
    tiles = np.empty((count, _TILE, _TILE, 4), np.float16)
    for start in range(0, count, _CHUNK):
        end = min(start + _CHUNK, count)
        _restore(quantised[:, 6 * start : 6 * end], alpha[start:end], tiles[start:end])
    picture = np.zeros((rows, _TILE, columns, _TILE), np.uint64)
    picture.transpose(0, 2, 1, 3)[mask] = tiles.view(np.uint64)[..., 0]
    pixels = picture.view(np.float16).reshape(rows * _TILE, columns * _TILE, 4)
    return np.ascontiguousarray(pixels[:height, :width])


def pack_depth(depth: npt.NDArray[np.float32], compression: Compression) -> bytes:
    """``depth`` [H, W] float32, positive, +inf where there is nothing, as bytes for ``unpack_depth``."""
    inverse = np.divide(1.0, depth, out=np.zeros(depth.shape, np.float32), where=depth > 0)
    mask, tiles = _cut_into_tiles(inverse)
    is_there = tiles > 0
    levels = np.zeros(tiles.shape, np.uint16)
    first = step = 0.0
    if len(tiles):
        values = tiles[is_there].astype(np.float64)
        first = float(values.min())
        step = (float(values.max()) - first) / (_DEPTH_LEVELS - 1) or first * 1e-7
        levels[is_there] = np.rint((values - first) / step).astype(np.uint16) + 1
    rest = np.diff(np.diff(levels, axis=1, prepend=np.uint16(0)), axis=2, prepend=np.uint16(0))
    signless = _fold(rest.view(np.int16))
    parts = (
        np.packbits(mask).tobytes(),
        (signless & 0xFF).astype(np.uint8).tobytes(),
        (signless >> 8).astype(np.uint8).tobytes(),
    )
    return _DEPTH_HEADER.pack(first, step, len(tiles)) + compress(b"".join(parts), compression, of_runs=True)


def unpack_depth(data: bytes | memoryview, height: int, width: int) -> npt.NDArray[np.float32]:
    """The depth [H, W] float32 that ``pack_depth`` made ``data`` of, about. Raises PictureError."""
    try:
        first, step, count = _DEPTH_HEADER.unpack_from(data)
    except struct.error as error:
        raise PictureError(str(error)) from None
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    if not (0.0 <= first < 1e30 and 0.0 <= step < 1e30) or count > rows * columns:
        raise PictureError("depths out of range")
    sizes = [-(-rows * columns // 8), count * _TILE * _TILE, count * _TILE * _TILE]
    bits, low, high = _unpack(memoryview(data)[_DEPTH_HEADER.size :], sizes)
    rest = _unfold(low, high).view(np.uint16).reshape(-1, _TILE, _TILE)
    levels = np.cumsum(np.cumsum(rest, axis=2, dtype=np.uint16), axis=1, dtype=np.uint16)
    inverse = (np.arange(65536, dtype=np.float64) - 1.0) * step + first
    inverse[0] = 0.0
    with np.errstate(divide="ignore", over="ignore"):
        table = (1.0 / inverse).astype(np.float32)
    picture = np.full((rows, _TILE, columns, _TILE), np.inf, np.float32)
    picture.transpose(0, 2, 1, 3)[_read_mask(bits, rows, columns, count)] = np.take(table, levels)
    return np.ascontiguousarray(picture.reshape(rows * _TILE, columns * _TILE)[:height, :width])


# --- tables -----------------------------------------------------------------------------------------------------------

_TABLE_SCALE = np.float32(4096.0)
_BYTES_AS_HALVES = (np.arange(256) / 255.0).astype(np.float16)


@functools.cache
def _to_curve() -> npt.NDArray[np.float32]:
    """For the bits of every half float, its place on the curve: [65536] float32; what is negative or no number is 0."""
    values = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    values = np.clip(np.nan_to_num(values, nan=0.0, posinf=65504.0, neginf=0.0), 0.0, None)
    curve: npt.NDArray[np.float32] = np.log1p(_CURVE * values).astype(np.float32)
    return curve


@functools.cache
def _to_byte() -> npt.NDArray[np.uint8]:
    """For the bits of every half float, 0..1 as 0..255: [65536] uint8; what is not quite empty does not become so."""
    values = np.nan_to_num(np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32))
    levels: npt.NDArray[np.uint8] = np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    levels[(levels == 0) & (values > 0)] = 1
    return levels


@functools.cache
def _from_curve() -> npt.NDArray[np.float16]:
    """The half float at each of 65536 places on the curve, ``_TABLE_SCALE`` to one unit of it."""
    values = np.expm1(np.arange(65536) / float(_TABLE_SCALE)) / _CURVE
    halves: npt.NDArray[np.float16] = np.minimum(values, 65504.0).astype(np.float16)
    return halves


@functools.cache
def _matrices() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The quantising transform of a block's 64 values, low frequencies first, and its inverse: [64, 64] float32."""
    at = np.arange(_BLOCK)
    cosine = np.sqrt(2.0 / _BLOCK) * np.cos(np.pi * (2 * at[None] + 1) * at[:, None] / (2 * _BLOCK))
    cosine[0] /= np.sqrt(2.0)
    both = np.kron(cosine, cosine)
    order = np.array([u + v for u in range(_BLOCK) for v in range(_BLOCK)])
    steps = _STEP * (1.0 + _SLOPE * order)
    by_frequency = np.argsort(order, kind="stable")
    forward = (both / steps[:, None])[by_frequency].T
    backward = (both * steps[:, None])[by_frequency]
    return np.ascontiguousarray(forward, np.float32), np.ascontiguousarray(backward, np.float32)


# --- tiles ------------------------------------------------------------------------------------------------------------


def _transform(tiles: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """The quantised coefficients [6 n, 64] of ``tiles`` [n, 16, 16, 4], the bits of halves: four blocks of luma a tile,
    then one of each chroma."""
    count = len(tiles)
    red, green, blue = (np.take(_to_curve(), tiles[..., channel]) for channel in range(3))
    between = (red + blue) * np.float32(0.5)
    luma = (between + green) * np.float32(0.5)
    blocks = np.empty((6 * count, 64), np.float32)
    in_tiles = blocks[: 4 * count].reshape(count, 2, 2, _BLOCK, _BLOCK)
    in_tiles[:] = luma.reshape(count, 2, _BLOCK, 2, _BLOCK).transpose(0, 1, 3, 2, 4)
    for place, chroma in ((4, red - blue), (5, green - between)):
        blocks[place * count : (place + 1) * count] = _halve(chroma).reshape(-1, 64) * np.float32(1 / _CHROMA)
    coefficients = _multiply(blocks, _matrices()[0])
    return np.rint(coefficients, out=coefficients)


def _restore(coefficients: npt.NDArray[np.int16], alpha: npt.NDArray[np.uint8], tiles: npt.NDArray[np.float16]) -> None:
    """Fill ``tiles`` [n, 16, 16, 4] float16 from coefficients [frequencies, 6 n] and alpha [n, 16, 16] uint8."""
    count, frequencies = len(tiles), len(coefficients)
    blocks = _multiply(coefficients.T.astype(np.float32, order="C"), _matrices()[1][:frequencies])
    luma = blocks[: 4 * count].reshape(count, 2, 2, _BLOCK, _BLOCK).transpose(0, 1, 3, 2, 4)
    luma = luma.reshape(count, _TILE, _TILE)
    # Half of each: the means of red and blue lie half of the green chroma below luma.
    orange, green_chroma = blocks[4 * count :].reshape(2, count, _BLOCK, _BLOCK) * np.float32(_CHROMA / 2)
    between = luma - _double(green_chroma)
    half_orange = _double(orange)
    for channel, place in enumerate((between + half_orange, luma + (luma - between), between - half_orange)):
        place *= _TABLE_SCALE
        np.clip(place, 0.0, 65535.0, out=place)
        tiles[..., channel] = np.take(_from_curve(), place.astype(np.uint16))
    tiles[..., 3] = np.take(_BYTES_AS_HALVES, alpha)
    tiles.view(np.uint64)[..., 0][alpha == 0] = 0


def _cut_into_tiles(pixels: npt.NDArray[Dtype]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Dtype]]:
    """Which tiles of ``pixels`` [H, W] hold something but zeros, [rows, columns] bool, and those, [n, 16, 16]."""
    height, width = pixels.shape
    whole = height // _TILE * _TILE if width % _TILE == 0 else 0  # only what is not in whole tiles has to be padded
    rest = np.zeros((-(-(height - whole) // _TILE) * _TILE, -(-width // _TILE) * _TILE), pixels.dtype)
    rest[: height - whole, :width] = pixels[whole:]
    masks, tiles = [], []
    for part in (part for part in (pixels[:whole], rest) if len(part)):
        in_tiles = part.reshape(len(part) // _TILE, _TILE, part.shape[1] // _TILE, _TILE)
        masks.append((part != 0).reshape(in_tiles.shape).any(axis=3).any(axis=1))
        tiles.append(in_tiles.transpose(0, 2, 1, 3)[masks[-1]])
    return np.concatenate(masks), np.concatenate(tiles)


def _read_mask(bits: npt.NDArray[np.uint8], rows: int, columns: int, count: int) -> npt.NDArray[np.bool_]:
    """Which tiles are there, [rows, columns] bool. Raises PictureError unless ``count`` are."""
    mask = np.unpackbits(bits, count=rows * columns).astype(bool).reshape(rows, columns)
    if mask.sum() != count:
        raise PictureError("other tiles than promised")
    return mask


def _multiply(rows: npt.NDArray[np.float32], matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """``rows @ matrix``, in products so small that BLAS keeps to this thread: its others would only be in the way."""
    whole = len(rows) // 64 * 64
    result = np.empty((len(rows), matrix.shape[1]), np.float32)
    count, (inner, outer) = whole // 64, matrix.shape
    np.matmul(rows[:whole].reshape(count, 64, inner), matrix, out=result[:whole].reshape(count, 64, outer))
    np.matmul(rows[whole:], matrix, out=result[whole:])
    return result


def _halve(tiles: Floats) -> Floats:
    """Means of 2x2 pixels: [n, 16, 16] to [n, 8, 8]."""
    rows = tiles[:, 0::2] + tiles[:, 1::2]
    means: Floats = (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return means


def _double(tiles: Floats) -> Floats:
    return np.repeat(np.repeat(tiles, 2, axis=1), 2, axis=2)


# --- bytes ------------------------------------------------------------------------------------------------------------


def _fold(values: npt.NDArray[np.int16]) -> npt.NDArray[np.uint16]:
    """int16 as uint16 in which small values of either sign are small."""
    return ((values << 1) ^ (values >> 15)).view(np.uint16)


def _unfold(low: npt.NDArray[np.uint8], high: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """What ``_fold`` was given, from the bytes of what it made."""
    values = low.astype(np.uint16) | (high.astype(np.uint16) << 8)
    return ((values >> 1) ^ (np.uint16(0) - (values & np.uint16(1)))).view(np.int16)


def _unpack(data: memoryview, sizes: list[int]) -> list[npt.NDArray[np.uint8]]:
    """Parts of ``sizes`` bytes, neither fewer nor more. Raises PictureError."""
    try:
        content = decompress(data, sum(sizes))
    except CompressionError as error:
        raise PictureError(str(error)) from None
    return np.split(np.frombuffer(content, np.uint8), np.cumsum(sizes[:-1]))
