"""One image of any size, read in bands of rows: never the whole of it is in memory.

Formats are those of OpenImageIO, and numpy's. Whole numbers are sRGB's display values, floats are scene-linear light.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO

from engine.data.dataset import DatasetError, first_line
from engine.data.images import HALF_MAX
from engine.link.arrays import Numbers, Pixels
from engine.link.messages import ColorSpace
from engine.link.primitives import MOST_IMAGE_PIXELS, MOST_IMAGE_SIDE

# Of a band, in bytes, whatever else is asked for: what reading takes at a time.
BAND_BYTES = 1 << 25
_PERIODIC = {"periodic", "periodic,periodic"}
_GREY = ("Y", "V", "I", "L", "A", "luminance")


@dataclasses.dataclass(frozen=True)
class ImageHeader:
    """What an image's file says before it is decoded. ``width`` and ``height``: as stored, ``orientation``: EXIF's, 1
    to 8. ``is_straight``: colour isn't premultiplied with alpha. ``wraps``: it goes on across its borders, as a tile
    does. ``unused``: in a few words each, what changes how it looks, and isn't followed."""

    width: int
    height: int
    color_space: ColorSpace
    has_alpha: bool = False
    is_straight: bool = False
    orientation: int = 1
    wraps: bool = False
    dtype: str = "uint8"
    unused: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """Of what ``ImageFile.rows`` gives: red, green, blue, and alpha if there is any."""
        return 4 if self.has_alpha else 3

    @property
    def turned_size(self) -> tuple[int, int]:
        """Width and height as it is shown."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


class ImageFile:
    """An image in a file, which is open for as long as this is there. Every error is a DatasetError that names it."""

    def __init__(self, path: Path) -> None:
        """Reads the header."""
        self.path = path
        self._source: _Source = _ArraySource(path) if path.suffix.lower() == ".npy" else _OiioSource(path)
        self.header = self._source.header
        _require_size(path, self.header.width, self.header.height)

    def rows(self, first: int, last: int) -> Pixels:
        """Rows ``first`` to before ``last``, [rows, width, channels]: uint8 display values, or float16. Quick where
        they follow those that were read before."""
        try:
            pixels = self._source.rows(first, last)
        except (OSError, RuntimeError, ValueError) as error:
            raise DatasetError(
                f"{self.path}: cut off or damaged: rows {first} to {last - 1} can't be read ({first_line(error)})"
            ) from None
        if pixels.dtype == np.uint8:
            return np.ascontiguousarray(pixels)
        if not np.isfinite(pixels).all():
            row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(pixels).all(axis=2)))
            raise DatasetError(f"{self.path}: it has NaN or infinity, first in column {column} of row {first + row}")
        return np.clip(pixels, -HALF_MAX, HALF_MAX).astype(np.float16)

    def bands(self, rows: int | None = None) -> Iterator[tuple[int, Pixels]]:
        """The whole image from the top down: the first row of each band, and its pixels as ``rows`` gives them. Bands
        of so many ``rows``, or as are read fastest: no tile twice."""
        height, together = self.header.height, self._source.rows_together
        fitting = BAND_BYTES // (self.header.width * self.header.channels * 4)
        at_once = rows or max(fitting // together, 1) * together
        for first in range(0, height, at_once):
            yield first, self.rows(first, min(first + at_once, height))


def _require_size(path: Path, width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise DatasetError(f"{path}: it has no pixels ({width}x{height})")
    if max(width, height) > MOST_IMAGE_SIDE or width * height > MOST_IMAGE_PIXELS:
        raise DatasetError(
            f"{path}: {width}x{height} pixels are too large: at most {MOST_IMAGE_SIDE} a side and "
            f"{MOST_IMAGE_PIXELS / 1e9:.1f} gigapixels in all; scale it down, or cut it into several"
        )


class _Source(abc.ABC):
    """``rows`` may raise OSError, RuntimeError or ValueError, and gives [rows, width, channels] uint8 or floats.
    ``rows_together``: of a tile, which is unpacked as a whole."""

    header: ImageHeader
    rows_together: int = 1

    @abc.abstractmethod
    def rows(self, first: int, last: int) -> Numbers:
        """The rows from ``first`` up to ``last``, which isn't among them."""


class _ArraySource(_Source):
    """Of a numpy file [H, W] or [H, W, 1, 3 or 4], mapped into memory. Alpha is straight in whole numbers."""

    def __init__(self, path: Path) -> None:
        try:
            array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise DatasetError(f"{path}: the image is missing") from None
        except Exception as error:  # a damaged header is parsed as Python
            raise DatasetError(f"{path}: not a numpy file that can be read ({first_line(error)})") from None
        if array.ndim == 2:
            array = array[..., None]
        if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or array.dtype.name not in _SCALES:
            raise DatasetError(
                f"{path}: expected an image [H, W, 3 or 4] of uint8, uint16, float16 or float32, got {array.dtype} "
                f"{list(array.shape)}"
            )
        if not array.flags.c_contiguous:
            raise DatasetError(f"{path}: it is stored by columns: save what np.ascontiguousarray makes of it")
        self._path, self._offset, self._shape, self._dtype = path, array.offset, array.shape, array.dtype
        is_light, alpha = array.dtype.kind == "f", array.shape[2] == 4
        dtype = "uint8" if array.dtype == np.uint8 else "float16"
        self.header = ImageHeader(
            array.shape[1], array.shape[0], "linear" if is_light else "srgb", alpha, alpha and not is_light, dtype=dtype
        )

    def rows(self, first: int, last: int) -> Numbers:
        # Mapped anew each time: what was read of a mapping counts as this process's memory until that is gone.
        row_bytes = self._shape[1] * self._shape[2] * self._dtype.itemsize
        place, shape = self._offset + first * row_bytes, (last - first, *self._shape[1:])
        part: Numbers = np.array(np.memmap(self._path, self._dtype, "r", place, shape))
        scale = _SCALES[part.dtype.name]
        if scale is not None:
            part = part.astype(np.float32) / scale
        return np.repeat(part, 3, axis=2) if part.shape[2] == 1 else part


_SCALES: dict[str, float | None] = {"uint8": None, "uint16": 65535.0, "float16": None, "float32": None}


class _OiioSource(_Source):
    """Of a file that OpenImageIO reads; of an OpenEXR file what is in its display window."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DatasetError(f"{path}: " + ("it is no file" if path.exists() else "the image is missing"))
        if not path.stat().st_size:
            raise DatasetError(f"{path}: the image can't be read (it is empty)")
        wanted = OpenImageIO.ImageSpec()
        wanted.attribute("oiio:UnassociatedAlpha", 1)  # straight alpha stays straight
        self._file: Any = OpenImageIO.ImageInput.open(str(path), wanted)
        if self._file is None:
            raise DatasetError(
                f"{path}: the image can't be read ({OpenImageIO.geterror() or 'not in any format that is known'})"
            )
        has_several = self._file.seek_subimage(1, 0)
        self._file.seek_subimage(0, 0)
        self._file.geterror()  # there may be none
        self._spec = spec = self._file.spec()
        if spec.depth > 1 or spec.deep:
            raise DatasetError(f"{path}: it has depths behind each other: flatten it first")
        self._channels, has_alpha = _choose_channels(path, list(spec.channelnames), spec.alpha_channel)
        stored = str(spec.format)
        is_light = stored in ("half", "float", "double")
        self._read_as = "uint8" if stored == "uint8" else "float"
        self.rows_together = max(spec.tile_height, 1)
        self.header = ImageHeader(
            spec.full_width,
            spec.full_height,
            "linear" if is_light else "srgb",
            has_alpha,
            has_alpha and bool(spec.get_int_attribute("oiio:UnassociatedAlpha", 0)),
            min(max(spec.get_int_attribute("Orientation", 1), 1), 8),
            spec.get_string_attribute("wrapmodes", "").replace(" ", "") in _PERIODIC,
            "uint8" if stored == "uint8" else "float16",
            _unused_in(spec, has_several),
        )

    def rows(self, first: int, last: int) -> Numbers:
        spec, header = self._spec, self.header
        left, top = spec.full_x - spec.x, spec.full_y - spec.y  # of the display window, in the data window
        is_framed = (left, top, spec.width, spec.height) == (0, 0, header.width, header.height)
        if is_framed:
            return self._read(first, last)
        framed: Numbers = np.zeros((last - first, header.width, header.channels), self._read_as.replace("float", "f4"))
        begin, end = max(first + top, 0), min(last + top, spec.height)
        x, stop = max(left, 0), min(left + header.width, spec.width)
        if begin < end and x < stop:
            rows = slice(begin - top - first, end - top - first)
            framed[rows, x - left : stop - left] = self._read(begin, end)[:, x:stop]
        return framed

    def _read(self, first: int, last: int) -> Numbers:
        """Rows of the data window."""
        spec, low, high = self._spec, min(self._channels), max(self._channels) + 1
        if spec.tile_height:
            step = spec.tile_height
            begin, end = first // step * step, min(-(-last // step) * step, spec.height)
            x, y = spec.x, spec.y
            pixels = self._file.read_tiles(
                x, x + spec.width, y + begin, y + end, 0, 1, low, high, self._read_as
            )  # fmt: skip
        else:
            begin = first
            pixels = self._file.read_scanlines(spec.y + first, spec.y + last, 0, low, high, self._read_as)
        if pixels is None:
            raise OSError(self._file.geterror() or "no more pixels")
        found: npt.NDArray[Any] = pixels[first - begin : last - begin]
        return found[..., [channel - low for channel in self._channels]]


def _choose_channels(path: Path, names: list[str], alpha: int) -> tuple[list[int], bool]:
    """Which channels are red, green, blue and, if there is one, alpha, of the first layer that has them."""
    for prefix in dict.fromkeys(name[:-1] for name in names if name.endswith("R")):
        found = [names.index(prefix + letter) for letter in "RGBA" if prefix + letter in names]
        if len(found) >= 3:
            return found, len(found) == 4
    grey = next((index for index, name in enumerate(names) if name in _GREY or len(names) == 1), None)
    if grey is None or "RY" in names:
        raise DatasetError(f"{path}: no RGB channels in it, only {', '.join(names) or 'none'}")
    has_alpha = 0 <= alpha != grey
    return [grey] * 3 + ([alpha] if has_alpha else []), has_alpha


def _unused_in(spec: Any, has_several: bool) -> tuple[str, ...]:
    unused = []
    if has_several:
        unused.append("pictures after the first")
    profile = spec.get_string_attribute("ICCProfile:profile_description", "")
    if profile and "srgb" not in profile.lower() and str(spec.format) in ("uint8", "uint16"):
        unused.append("a colour profile other than sRGB")
    if abs(spec.get_float_attribute("PixelAspectRatio", 1.0) - 1.0) > 0.02:
        unused.append("pixels that aren't square")
    return tuple(unused)
