"""Radiance .hdr pictures (RGBE)."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.link.geometry import MAX_IMAGE_SIDE

_MAX_HEADER = 1 << 16


class HdrError(OSError):
    """A Radiance picture that can't be read; the message names it."""


def read_radiance_size(path: Path) -> tuple[int, int]:
    """Width and height. Raises HdrError, also where a side has no or too many pixels."""
    try:
        with path.open("rb") as file:
            return _read_header(path, file.read(_MAX_HEADER))[:2]
    except FileNotFoundError:
        raise HdrError(f"{path}: the image is missing") from None


def read_radiance_hdr(path: Path) -> npt.NDArray[np.float32]:
    """Read a picture, run-length coded or flat: [H, W, 3] float32 scene-linear, without the exposures that it was given
    since. Raises HdrError."""
    data = path.read_bytes()
    width, height, begin = _read_header(path, data[:_MAX_HEADER])
    exposure = _read_exposure(path, data[:begin])
    try:
        rgbe = _decode_rgbe(np.frombuffer(data, np.uint8)[begin:], height, width)
    except (IndexError, ValueError):
        raise HdrError(f"{path}: the picture is cut off or damaged") from None
    exponent = np.ldexp(np.float32(1.0), rgbe[..., 3].astype(np.int32) - 136)
    color = np.where(rgbe[..., 3:] > 0, rgbe[..., :3] * exponent[..., None], 0.0)
    return (color / exposure).astype(np.float32)


def _read_exposure(path: Path, head: bytes) -> float:
    """The factor by which all values have been multiplied: each program that did so has added a line."""
    exposure = 1.0
    for line in head.splitlines():
        name, _, value = (part.strip() for part in line.partition(b"="))
        if name == b"EXPOSURE":
            with contextlib.suppress(ValueError):
                exposure *= float(value)
        elif name == b"FORMAT" and value != b"32-bit_rle_rgbe":
            raise HdrError(f"{path}: its colours aren't RGB: store it as 32-bit_rle_rgbe")
    if not 1e-6 <= exposure <= 1e6:
        raise HdrError(f"{path}: EXPOSURE is no number that pictures may have been multiplied by")
    return exposure


def _read_header(path: Path, data: bytes) -> tuple[int, int, int]:
    """Width, height and where the pixels begin."""
    head, separator, body = data.partition(b"\n\n")
    size_line, newline, _ = body.partition(b"\n")
    words = size_line.split()
    if not head.startswith((b"#?RADIANCE", b"#?RGBE")) or not separator or len(words) != 4 or words[0] != b"-Y":
        raise HdrError(f"{path}: not a Radiance picture with rows from top to bottom")
    if not all(word.isdigit() and len(word) < 9 for word in (words[1], words[3])):
        raise HdrError(f"{path}: not a Radiance picture: its size is no number of pixels")
    height, width = int(words[1]), int(words[3])
    if width < 1 or height < 1:
        raise HdrError(f"{path}: it has no pixels ({width}x{height})")
    if max(width, height) > MAX_IMAGE_SIDE:
        raise HdrError(f"{path}: {width}x{height} pixels are too large: at most {MAX_IMAGE_SIDE} a side")
    return width, height, len(head) + len(separator) + len(size_line) + len(newline)


def _decode_rgbe(data: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """RGBE bytes [H, W, 4]; raises IndexError or ValueError where ``data`` ends early or a run is too long."""
    if data[0] != 2 or data[1] != 2 or not 8 <= width < 32768:
        return data[: height * width * 4].reshape(height, width, 4)
    if len(data) < height * (4 + 4 * 2 * -(-width // 127)):
        raise ValueError("fewer bytes than the shortest runs take")  # told before room is made for what isn't there
    rows = np.empty((height, 4, width), np.uint8)
    at = 0
    for row in rows:
        at += 4  # 2 2 and the width once more
        for channel in row:
            x = 0
            while x < width:
                count = int(data[at])
                if count > 128:  # a run of one value
                    count -= 128
                    channel[x : x + count] = data[at + 1]
                    at += 2
                else:
                    channel[x : x + count] = data[at + 1 : at + 1 + count]
                    at += 1 + count
                if count == 0 or x + count > width:
                    raise ValueError("run past the row's end")
                x += count
    return rows.transpose(0, 2, 1)
