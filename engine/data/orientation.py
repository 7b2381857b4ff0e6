"""Which way round a picture is stored: EXIF's orientation, 1 to 8, of which 1 is as it is shown."""

from __future__ import annotations

import os
import struct
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from engine.link.arrays import Dtype

_ORIENTATION_TAG = 0x0112
_PNG_SIGNATURE_BYTES, _PNG_CHUNK, _PNG_CHECKSUM_BYTES = 8, struct.Struct(">I4s"), 4
_PNG_TEXTS = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
# What takes a picture that was turned as its orientation says back to how it is stored.
_TURNED_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turn(pixels: npt.NDArray[Dtype], orientation: int) -> npt.NDArray[Dtype]:
    """``pixels`` [H, W, ...] turned and mirrored as ``orientation`` says they are to be shown."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def turn_back(image: Image.Image, orientation: int) -> Image.Image:
    """A picture that was turned as its ``orientation`` says, as it is stored."""
    return image if orientation == 1 else image.transpose(_TURNED_BACK[orientation])


def orientation_of(image: Image.Image) -> int:
    """What the picture's file says, and 1 where it says nothing that makes sense. Pixels are only decoded where it may
    be said behind them."""
    try:
        if isinstance(image, PngImageFile) and image.fp is not None and not _has_texts_behind_pixels(image.fp):
            exif = Image.Image.getexif(image)  # PngImageFile's own decodes the pixels, to see what is behind them
        else:
            exif = image.getexif()
        return _as_orientation(exif.get(_ORIENTATION_TAG))
    except Exception:  # damaged metadata, each kind of which raises its own; the picture may be whole
        return 1


def _has_texts_behind_pixels(file: IO[bytes]) -> bool:
    """Whether a PNG file has EXIF data, or texts that may hold some, after its first pixels. It stays at its place."""
    place, pixels_seen = file.tell(), False
    try:
        file.seek(_PNG_SIGNATURE_BYTES)
        while len(head := file.read(_PNG_CHUNK.size)) == _PNG_CHUNK.size:
            length, name = _PNG_CHUNK.unpack(head)
            pixels_seen |= name == b"IDAT"
            if pixels_seen and name in _PNG_TEXTS:
                return True
            file.seek(length + _PNG_CHECKSUM_BYTES, os.SEEK_CUR)
        return False
    finally:
        file.seek(place)


def _as_orientation(value: object) -> int:
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1
