"""Messages to bytes and back, strictly.

Wire: u32 little-endian header length, a JSON header, raw buffers. The header is
``{"type": name, "fields": {...}, "buffers": [...]}``; each buffer names its field, dtype, shape, and how it is packed:
"raw", "compressed" (see ``compression``) and "picture" buffers (see ``picture_codec``) follow the header one after
another, a "ring" buffer lies in the pixel ring.

Everything is driven by the dataclasses of ``messages``. Nothing is unpickled, and nothing is allocated before its size
has been checked. ``decode`` raises nothing but LinkError.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from engine.link.arrays import Numbers
from engine.link.compression import Compression, CompressionError, compress_array, decompress_array
from engine.link.errors import FrameOutdated, LinkError
from engine.link.fields import KIND, MAX_DEPTH, array_fields, read_dataclass, read_fields
from engine.link.geometry import MAX_IMAGE_SIDE, Bounds, Camera
from engine.link.message_types import ArraySpec, BytesSpec, Message, PixelsSpec, TableSpec, Tagged
from engine.link.picture_codec import PictureError, pack_color, pack_depth, unpack_color, unpack_depth
from engine.link.ring import RingError, RingPlace, RingReader, RingWriter, TornRead
from engine.link.values import shorten

MAX_MESSAGE_BYTES = 512 << 20  # header and unpacked buffers together: an 8K view with depth fits
MAX_HEADER_BYTES = 32 << 20  # 50,000 cameras fit
_ITEMSIZE = {"float16": 2, "float32": 4, "uint8": 1}
_PREFIX = struct.Struct("<I")
_BUFFER_ALIGNMENT = 16

BytesLike = bytes | memoryview


@dataclasses.dataclass(frozen=True)
class Packing:
    """How arrays travel inside messages: by which ``compression``, None for as they are; ``lossy``: pictures as a
    preview shows them."""

    compression: Compression | None = None
    lossy: bool = False


RAW = Packing()


@dataclasses.dataclass(frozen=True)
class _Buffer:
    """How one array field travels; ``size`` counts bytes behind the header, ``ring`` places it elsewhere."""

    field: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    packing: str
    ring: RingPlace | None = None

    @property
    def unpacked_size(self) -> int:
        return math.prod(self.shape) * _ITEMSIZE[self.dtype]


# --- out --------------------------------------------------------------------------------------------------------------


def check(message: Message) -> None:
    """Raise the LinkError that the receiver of ``message`` would raise."""
    _make_header(message)


def size_of(message: Message) -> int:
    """About how many bytes ``message`` holds, buffers included."""
    return 1024 + sum(array.nbytes for array in _arrays_of(message).values())


def encode(message: Message, packing: Packing = RAW, ring: RingWriter | None = None) -> bytes:
    """The bytes of ``message``; its arrays go into ``ring`` when there is one. Raises LinkError when the receiver would
    refuse it, or when the ring has no room."""
    return b"".join(encode_parts(message, packing, ring))


def encode_parts(message: Message, packing: Packing = RAW, ring: RingWriter | None = None) -> list[BytesLike]:
    """``encode`` without copying: the parts that the bytes of ``message`` consist of."""
    fields = _make_header(message)
    arrays = {name: np.ascontiguousarray(array) for name, array in _arrays_of(message).items()}
    places: Sequence[RingPlace | None] = [None] * len(arrays)
    if ring is not None and arrays:
        try:
            places = ring.write(list(arrays.values()))
        except RingError as error:
            raise LinkError(str(error)) from error
    buffers: list[_Buffer] = []
    chunks: list[BytesLike] = []
    for (name, array), place in zip(arrays.items(), places, strict=True):
        chunk: Any = b""
        kind = "ring"
        if place is None:
            kind, chunk = _pack(array, packing)
            chunks.append(chunk)
        buffers.append(_Buffer(name, array.dtype.name, array.shape, len(chunk), kind, place))
    name = type(message).__name__
    header = _dump({"type": name, "fields": fields, "buffers": [dataclasses.asdict(b) for b in buffers]}, name)
    header += b" " * (-(len(header) + _PREFIX.size) % _BUFFER_ALIGNMENT)
    if len(header) > MAX_HEADER_BYTES:
        raise LinkError(f"{type(message).__name__}: the header of {len(header)} bytes exceeds {MAX_HEADER_BYTES}")
    return [_PREFIX.pack(len(header)) + header, *chunks]


def _pack(array: Numbers, packing: Packing) -> tuple[str, Any]:
    """How ``array`` travels, and its bytes: by lossy compression where it may, and there is one for it."""
    if packing.compression is None:
        return "raw", array.reshape(-1).view(np.uint8).data
    if packing.lossy and array.dtype == np.float16:
        return "picture", pack_color(np.asarray(array, np.float16), packing.compression)
    if packing.lossy and array.dtype == np.float32:
        return "picture", pack_depth(np.asarray(array, np.float32), packing.compression)
    return "compressed", compress_array(array, packing.compression)


def _make_header(message: Message) -> dict[str, Any]:
    """The fields of ``message`` for ``_dump``, after a look through the receiver's eyes."""
    cls: Any = type(message)
    name = cls.__name__
    arrays = _arrays_of(message)
    fields: dict[str, Any] = _fields_of(message)
    specs = array_fields(name, cls, fields)
    for array_name, array in arrays.items():
        if array_name not in specs:
            raise LinkError(f"{name}.{array_name}: not an array field")
        _check_array(f"{name}.{array_name}", specs[array_name], array.dtype.name, array.shape)
    if (total := size_of(message)) > MAX_MESSAGE_BYTES:
        raise LinkError(f"{name}: {total} bytes exceed the limit of {MAX_MESSAGE_BYTES}")
    read_fields(name, cls, fields, arrays)
    return fields


def _arrays_of(part: Any) -> dict[str, Numbers]:
    """The arrays of a message, or of one's tagged part, by the names of their fields."""
    arrays: dict[str, Numbers] = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if isinstance(value, np.ndarray):
            arrays[field.name] = value
        elif isinstance(value, Tagged):
            arrays |= {f"{field.name}.{name}": array for name, array in _arrays_of(value).items()}
    return arrays


def _fields_of(part: Any, depth: int = 0) -> dict[str, Any]:
    """All but the arrays of a dataclass, as JSON has it. What is None is left out, a tagged part names its kind."""
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    plain = {
        name: _to_plain(value, depth)
        for name, value in values.items()
        if value is not None and not isinstance(value, np.ndarray)
    }
    return {KIND: part.kind, **plain} if isinstance(part, Tagged) else plain


def _to_plain(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON has it, but for cameras and bounds."""
    if depth > MAX_DEPTH + 1:
        raise LinkError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, str | int | float | Camera | Bounds):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields_of(value, depth + 1)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _to_plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_to_plain(item, depth + 1) for item in value]
    return value


def describe(where: str, part: Any) -> dict[str, Any]:
    """A dataclass without arrays as JSON has it, for ``fields.read_dataclass``; ``where`` names it in errors. Raises
    LinkError when that would refuse it."""
    values = {field.name: _to_plain(getattr(part, field.name)) for field in dataclasses.fields(part)}
    plain: dict[str, Any] = json.loads(_dump(values, where))
    read_dataclass(where, type(part), plain)
    return plain


def _dump(value: Any, where: str) -> bytes:
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), default=_to_json).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise LinkError(f"{where}: not JSON: {shorten(str(error), 200)}") from error


def _to_json(value: Any) -> Any:
    if isinstance(value, Camera | Bounds):
        return value.to_json()
    raise TypeError(f"{type(value).__name__} is no JSON")


# --- in ---------------------------------------------------------------------------------------------------------------


def decode(data: bytes | str, allowed: Iterable[type[Message]], ring: RingReader | None = None) -> Message:
    """Read one message, of one of the ``allowed`` types. Arrays are copies that the caller owns. Raises LinkError that
    names the message and the field at fault (FrameOutdated when its pixels in the ring have been replaced)."""
    if not isinstance(data, bytes):
        raise LinkError("expected a binary message, got text")
    header, start = _read_header(data)
    name = header["type"]
    cls = next((cls for cls in allowed if cls.__name__ == name), None)
    if cls is None:
        raise LinkError(f"unknown message {shorten(name)}")
    specs = array_fields(cls.__name__, cls, header["fields"])
    buffers = _read_descriptions(cls.__name__, specs, header["buffers"])
    if len(data) - start != (expected := sum(b.size for b in buffers)):
        raise LinkError(f"{cls.__name__}: {len(data) - start} bytes of buffers arrived, the header promises {expected}")
    arrays = {}
    for buffer in buffers:
        arrays[buffer.field] = _read_buffer(f"{cls.__name__}.{buffer.field}", buffer, data, start, ring)
        start += buffer.size
    return cls(**read_fields(cls.__name__, cls, header["fields"], arrays))


def peek(data: bytes | str) -> tuple[str, dict[str, Any]]:
    """The name of the type of an encoded message, and its fields as they came: unchecked. Raises LinkError."""
    if not isinstance(data, bytes):
        raise LinkError("expected a binary message, got text")
    header = _read_header(data)[0]
    return header["type"], header["fields"]


def _read_header(data: bytes) -> tuple[dict[str, Any], int]:
    if len(data) < _PREFIX.size:
        raise LinkError(f"a message of {len(data)} bytes is too short")
    (length,) = _PREFIX.unpack_from(data)
    if length > MAX_HEADER_BYTES or length > len(data) - _PREFIX.size:
        raise LinkError(f"the header claims {length} bytes of a message of {len(data)}")
    try:
        header = json.loads(data[_PREFIX.size : _PREFIX.size + length].decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise LinkError(f"the header is not JSON: {shorten(str(error), 200)}") from None
    if not isinstance(header, dict) or set(header) != {"type", "fields", "buffers"}:
        raise LinkError("the header must hold type, fields and buffers, and nothing else")
    for key, kind in (("type", str), ("fields", dict), ("buffers", list)):
        if not isinstance(header[key], kind):
            raise LinkError(f"the header's {key} is a {type(header[key]).__name__}")
    return header, _PREFIX.size + length


def _read_descriptions(message: str, specs: Mapping[str, ArraySpec], values: list[Any]) -> list[_Buffer]:
    if len(values) > len(specs):
        raise LinkError(f"{message}: {len(values)} buffers, expected at most {len(specs)}")
    buffers = [read_dataclass(f"{message} buffer", _Buffer, value) for value in values]
    if len({buffer.field for buffer in buffers}) != len(buffers):
        raise LinkError(f"{message}: two buffers for one field")
    for buffer in buffers:
        where = f"{message}.{buffer.field}"
        if buffer.field not in specs:
            raise LinkError(f"{shorten(where)}: not an array field")
        _check_array(where, specs[buffer.field], buffer.dtype, buffer.shape)
        if buffer.packing not in ("raw", "compressed", "ring", "picture"):
            raise LinkError(f"{where}: unknown packing {shorten(buffer.packing)}")
        if buffer.packing == "picture" and (buffer.dtype == "uint8" or not isinstance(specs[buffer.field], PixelsSpec)):
            raise LinkError(f"{where}: {'bytes' if buffer.dtype == 'uint8' else 'it'} can't be packed as a picture")
        if buffer.size < 0 or (buffer.packing == "ring") != (buffer.ring is not None):
            raise LinkError(f"{where}: malformed buffer description")
        wanted = {"raw": buffer.unpacked_size, "ring": 0}.get(buffer.packing, buffer.size)
        if buffer.size != wanted:
            raise LinkError(f"{where}: {buffer.size} bytes, expected {wanted} for {list(buffer.shape)} {buffer.dtype}")
    if (total := sum(b.unpacked_size for b in buffers)) > MAX_MESSAGE_BYTES:
        raise LinkError(f"{message}: {total} bytes exceed the limit of {MAX_MESSAGE_BYTES}")
    return buffers


def _check_array(where: str, spec: ArraySpec, dtype: str, shape: tuple[int, ...]) -> None:
    if isinstance(spec, BytesSpec):
        if dtype != "uint8" or len(shape) != 1 or not 1 <= shape[0] <= spec.most:
            raise LinkError(f"{where}: expected uint8 [1..{spec.most}], got {shorten(dtype)} {shorten(list(shape))}")
        return
    if isinstance(spec, TableSpec):
        side = shape[0] if shape else 0
        if dtype != "float32" or shape != (side, side, side, 3) or not 2 <= side <= spec.most:
            wanted = f"float32 [S, S, S, 3] with S in 2..{spec.most}"
            raise LinkError(f"{where}: expected {wanted}, got {shorten(dtype)} {shorten(list(shape))}")
        return
    tail = (spec.channels,) if spec.channels else ()
    if dtype not in spec.dtypes or len(shape) != 2 + len(tail) or shape[2:] != tail:
        wanted = f"{' or '.join(spec.dtypes)} [H, W{', ' + str(spec.channels) if spec.channels else ''}]"
        raise LinkError(f"{where}: expected {wanted}, got {shorten(dtype)} {shorten(list(shape))}")
    if not all(1 <= side <= MAX_IMAGE_SIDE for side in shape[:2]):
        raise LinkError(f"{where}: {shape[1]}x{shape[0]} pixels are outside 1..{MAX_IMAGE_SIDE}")


def _read_buffer(where: str, buffer: _Buffer, data: bytes, start: int, ring: RingReader | None) -> Numbers:
    if buffer.packing in ("compressed", "picture"):
        packed = memoryview(data)[start : start + buffer.size]
        try:
            if buffer.packing == "compressed":
                return decompress_array(packed, buffer.dtype, buffer.shape)
            unpack = unpack_color if buffer.dtype == "float16" else unpack_depth
            return unpack(packed, buffer.shape[0], buffer.shape[1])
        except (CompressionError, PictureError) as error:
            raise LinkError(f"{where}: {error}") from None
    if buffer.packing == "raw":
        count = math.prod(buffer.shape)
        return np.frombuffer(data, buffer.dtype, count, start).reshape(buffer.shape).copy()
    if ring is None or buffer.ring is None:
        raise LinkError(f"{where}: there is no pixel ring to read from")
    pixels = np.empty(buffer.shape, buffer.dtype)
    try:
        ring.read(buffer.ring, pixels)
    except TornRead as error:
        raise FrameOutdated(f"{where}: {error}") from None
    except RingError as error:
        raise LinkError(f"{where}: {error}") from error
    return pixels
