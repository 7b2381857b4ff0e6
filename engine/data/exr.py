"""OpenEXR files in and out, by whole channels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from engine.link.arrays import Floats, Numbers
from engine.link.part_files import written_atomically


class ExrError(OSError):
    """An EXR file that can't be read or written; the message names it."""


# What a file may unpack to, as floats: twice a 4K render with thirty passes.
MAX_BYTES = 1 << 31


def read_exr_size(path: Path) -> tuple[int, int]:
    """Width and height of the first part, from the headers alone. Raises ExrError, also where the file unpacks to more
    than ``MAX_BYTES``."""
    if not path.is_file():
        raise ExrError(f"{path}: the image is missing")
    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            sizes = [_part_size(part.header) for part in file.parts]
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExrError(f"{path}: not a readable EXR file ({error})") from None
    if not sizes or min(min(size) for size in sizes) < 1:
        raise ExrError(f"{path}: not a readable EXR file (no pixels)")
    width, height, channels = sizes[0]
    if sum(4 * math.prod(size) for size in sizes) > MAX_BYTES:
        raise ExrError(f"{path}: {width}x{height} pixels of {channels} channels are too large to be read")
    return width, height


def _part_size(header: Mapping[str, Any]) -> tuple[int, int, int]:
    """Width, height and number of channels."""
    (left, top), (right, bottom) = (corner.tolist() for corner in header["dataWindow"])
    return right - left + 1, bottom - top + 1, len(header["channels"])


def read_exr(path: Path) -> dict[str, Numbers]:
    """All channels of the first part: "RGBA" or "RGB" as [H, W, 4 or 3], any other channel under its name as [H, W]."""
    try:
        with OpenEXR.File(str(path)) as file:
            return {name: np.array(channel.pixels) for name, channel in file.channels().items()}
    except (RuntimeError, ValueError) as error:  # "has 0 parts" where pixels are missing
        raise ExrError(f"{path}: not a readable EXR file, cut off or damaged ({error})") from None


def write_exr(path: Path, channels: Mapping[str, Floats]) -> None:
    """Write ``channels`` ("RGBA" [H, W, 4] or single ones [H, W], float16 or float32), losslessly and atomically."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    contiguous = {name: np.ascontiguousarray(pixels) for name, pixels in channels.items()}
    try:
        with written_atomically(path) as temporary:
            OpenEXR.File(header, contiguous).write(str(temporary))
    except RuntimeError as error:
        raise ExrError(f"{path}: can't be written ({error})") from None
