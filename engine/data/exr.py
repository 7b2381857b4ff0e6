"""OpenEXR files in and out, by whole channels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from engine.link.arrays import Floats, Numbers
from engine.link.part_files import written_atomically

_Window = tuple[int, int, int, int]  # left, top, width and height


class ExrError(OSError):
    """An EXR file that can't be read or written; the message names it."""


# What a file may unpack to, as floats: twice a 4K render with thirty passes.
MAX_BYTES = 1 << 31
_REC_709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)  # x and y of red, green, blue and white
_TOLERANCE = 0.01


def read_exr_header(path: Path) -> tuple[int, int, tuple[str, ...]]:
    """Width and height of the picture in the first part, from the headers alone, and what of them isn't used; see
    PictureHeader. Raises ExrError, also where the file unpacks to more than ``MAX_BYTES``."""
    if not path.is_file():
        raise ExrError(f"{path}: the image is missing")
    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            headers = [dict(part.header) for part in file.parts]
            sizes = [_part_size(header) for header in headers]
            windows = [_window(header, "displayWindow") for header in headers[:1]]
            unused = _unused_in(headers)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExrError(f"{path}: not a readable EXR file ({error})") from None
    if not sizes or min(min(size) for size in sizes) < 1 or min(windows[0][2:]) < 1:
        raise ExrError(f"{path}: not a readable EXR file (no pixels)")
    width, height, channels = sizes[0]
    if 4 * channels * math.prod(windows[0][2:]) > MAX_BYTES:
        width, height = windows[0][2:]
        raise ExrError(f"{path}: {width}x{height} pixels of {channels} channels are too large to be read")
    if sum(4 * math.prod(size) for size in sizes) > MAX_BYTES:
        raise ExrError(f"{path}: {width}x{height} pixels of {channels} channels are too large to be read")
    return *windows[0][2:], unused


def _part_size(header: Mapping[str, Any]) -> tuple[int, int, int]:
    """Width, height and number of channels."""
    return *_window(header, "dataWindow")[2:], len(header["channels"])


def _window(header: Mapping[str, Any], name: str) -> _Window:
    """Left, top, width and height."""
    (left, top), (right, bottom) = (corner.tolist() for corner in header[name])
    return left, top, right - left + 1, bottom - top + 1


def _unused_in(headers: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    unused = ["parts after the first"] if len(headers) > 1 else []
    if sum(channel.name.endswith("Combined.R") for channel in headers[0]["channels"]) > 1:
        unused.append("view layers after the first")
    if len(headers[0].get("multiView", ())) > 1:
        unused.append("views after the first")
    if abs(headers[0].get("pixelAspectRatio", 1.0) - 1.0) > _TOLERANCE:
        unused.append("pixels that aren't square")
    colors = headers[0].get("chromaticities")
    if colors is not None and np.abs(np.ravel(colors) - _REC_709).max() > _TOLERANCE:
        unused.append("primaries other than Rec. 709's")
    return tuple(unused)


def read_exr(path: Path) -> dict[str, Numbers]:
    """All channels of the first part: "RGBA" or "RGB" as [H, W, 4 or 3], any other channel under its name as [H, W]:
    what is in the display window, and 0 in what of it the file has no pixels for."""
    try:
        with OpenEXR.File(str(path)) as file:
            data, display = (_window(file.header(), name) for name in ("dataWindow", "displayWindow"))
            return {name: _framed(channel.pixels, data, display) for name, channel in file.channels().items()}
    except (RuntimeError, ValueError) as error:  # "has 0 parts" where pixels are missing
        raise ExrError(f"{path}: not a readable EXR file, cut off or damaged ({error})") from None


def _framed(pixels: Numbers, data: _Window, display: _Window) -> Numbers:
    """``pixels`` of the window ``data``, in that of ``display``."""
    if data == display:
        return np.array(pixels)
    framed = np.zeros((display[3], display[2], *pixels.shape[2:]), pixels.dtype)
    top, bottom = max(data[1], display[1]), min(data[1] + data[3], display[1] + display[3])
    left, right = max(data[0], display[0]), min(data[0] + data[2], display[0] + display[2])
    if top < bottom and left < right:
        framed[top - display[1] : bottom - display[1], left - display[0] : right - display[0]] = pixels[
            top - data[1] : bottom - data[1], left - data[0] : right - data[0]
        ]
    return framed


def write_exr(path: Path, channels: Mapping[str, Floats]) -> None:
    """Write ``channels`` ("RGBA" [H, W, 4] or single ones [H, W], float16 or float32), losslessly and atomically."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    contiguous = {name: np.ascontiguousarray(pixels) for name, pixels in channels.items()}
    try:
        with written_atomically(path) as temporary:
            OpenEXR.File(header, contiguous).write(str(temporary))
    except RuntimeError as error:
        raise ExrError(f"{path}: can't be written ({error})") from None
