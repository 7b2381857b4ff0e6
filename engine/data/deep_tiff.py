"""TIFF pictures that Pillow doesn't know or misreads: of more than 8 bits a channel, and some kind of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.dataset import DatasetError, first_line

_ORIENTATION_TAG = 0x0112
_COLORS = {"MINISBLACK", "MINISWHITE", "RGB"}


def deep_tiff_header(path: Path) -> tuple[tuple[int, ...], int, tuple[str, ...]]:
    """The shape, EXIF's orientation and what isn't used; see PictureHeader. Raises DatasetError."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            shape = tuple(int(side) for side in page.shape)
            orientation = page.tags.valueof(_ORIENTATION_TAG)
            colors = getattr(page.photometric, "name", str(page.photometric))
            has_planes = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
            unused = ("pictures after the first",) if len(file.pages) > 1 else ()
    except Exception as error:  # damaged files make it raise of every kind
        raise DatasetError(f"{path}: the image can't be read ({first_line(error)})") from None
    if has_planes and len(shape) == 3:
        shape = (*shape[1:], shape[0])
    _require_picture(path, shape)
    if colors not in _COLORS:
        raise DatasetError(f"{path}: expected grey or RGB, got {colors} colours: store it as RGB")
    return shape, orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1, unused


def read_numbers(path: Path) -> npt.NDArray[Any]:
    """What is in the first picture of a TIFF, as it is stored. Raises DatasetError."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return np.asarray(file.pages.first.asarray())
    except Exception as error:
        raise DatasetError(f"{path}: the image can't be read ({first_line(error)})") from None


def read_deep_tiff(path: Path) -> npt.NDArray[np.uint8]:
    """The picture: uint8 [H, W, 4] with straight alpha. Raises DatasetError."""
    import tifffile

    deep_tiff_header(path)
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            pixels = np.asarray(page.asarray())
            if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
                pixels = np.moveaxis(pixels, 0, 2)
            is_inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    except Exception as error:
        raise DatasetError(f"{path}: the image can't be read ({first_line(error)})") from None
    _require_picture(path, pixels.shape)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DatasetError(f"{path}: expected an image of 8 or 16 bits a channel, got {pixels.dtype}")
    full = np.iinfo(pixels.dtype).max
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        pixels = np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    if is_inverted:
        pixels = full - pixels
    if pixels.shape[2] == 3:
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], full)], axis=2)
    return (pixels // (full // 255)).astype(np.uint8)


def _require_picture(path: Path, shape: tuple[int, ...]) -> None:
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        raise DatasetError(f"{path}: expected a still with 1, 3 or 4 channels, got shape {list(shape)}")
