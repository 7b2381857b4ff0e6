"""OpenEXR files in and out, by whole channels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import OpenEXR

from engine.files import written_atomically


class ExrError(OSError):
    """An EXR file that can't be read or written; the message names it."""


def read_exr(path: Path) -> dict[str, np.ndarray]:
    """All channels of the first part: "RGBA" or "RGB" as [H, W, 4 or 3], any other channel under its name as [H, W]."""
    try:
        with OpenEXR.File(str(path)) as file:
            return {name: np.array(channel.pixels) for name, channel in file.channels().items()}
    except (RuntimeError, ValueError) as error:
        raise ExrError(f"{path}: not a readable EXR file ({error})") from None


def write_exr(path: Path, channels: Mapping[str, np.ndarray]) -> None:
    """Write ``channels`` ("RGBA" [H, W, 4] or single ones [H, W], float16 or float32), losslessly and atomically."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    contiguous = {name: np.ascontiguousarray(pixels) for name, pixels in channels.items()}
    try:
        with written_atomically(path) as temporary:
            OpenEXR.File(header, contiguous).write(str(temporary))
    except RuntimeError as error:
        raise ExrError(f"{path}: can't be written ({error})") from None
