"""Captured depth from files, in whatever format and unit it is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import UnidentifiedImageError

from engine.data.dataset import DatasetError
from engine.data.deep_tiff import read_numbers
from engine.data.images import exr_channels, read_header, stored_image
from engine.data.numpy_files import map_array
from engine.data.remarks import Remarks
from engine.data.views import UNKNOWN_DEPTH

DEPTH_SUFFIXES = (".png", ".exr", ".tif", ".tiff", ".npy")
_LOOKS_LIKE_DEPTH = re.compile(
    r"(.*[^a-z])?(depths?|depthmaps?|disparity|disparities|disps?)([^a-z].*)?", re.IGNORECASE
)
MILLIMETRE = 0.001  # what nerfstudio takes whole numbers for
# Renderers write "nothing there" as a huge number (Blender: 1e10).
FARTHEST_DEPTH = 1e9


def read_depth(
    path: Path, unit_of_integers: float | None = None, unit_of_floats: float = 1.0
) -> npt.NDArray[np.float32]:
    """Read planar depth [H, W] float32 in metres, +inf where there is nothing, 0 where it isn't known. Numbers
    below 0 stay: -inf is a masked pixel in a capture of our own, and no other one is depth.

    A step of an integer picture is ``unit_of_integers`` metres, and its 0 and its largest value mean unknown; without
    a unit millimetres are meant, but for 8 bits, which can't be depth then. A step of a float picture is
    ``unit_of_floats`` metres, and NaN and 0 mean unknown. Raises DatasetError that names the file.
    """
    read_header(path)
    suffix = path.suffix.lower()
    if suffix == ".exr":
        raw: npt.NDArray[Any] = _depth_channel(path)
    elif suffix == ".npy":
        raw = np.array(map_array(path))
    else:
        try:
            with stored_image(path) as image:
                raw = np.asarray(image)
        except UnidentifiedImageError:  # such as a TIFF of float16 or float64
            raw = read_numbers(path)
        if raw.ndim != 2:
            raise DatasetError(
                f"{path}: a depth image has one channel, this one has the shape {list(raw.shape)}: store whole numbers "
                "of 16 bits, or metres as EXR or numpy; what was coloured for people to look at says no depth"
            )
    if raw.dtype.kind in "iu":
        if unit_of_integers is None and raw.dtype.itemsize == 1:
            return np.full(raw.shape, UNKNOWN_DEPTH, np.float32)  # for people to look at: 0.25 m at most
        known = (raw > 0) & (raw < _largest_step(raw))
        step = np.float32(MILLIMETRE if unit_of_integers is None else unit_of_integers)
        return np.where(known, raw.astype(np.float32) * step, np.float32(UNKNOWN_DEPTH))
    if raw.dtype.kind != "f":
        raise DatasetError(f"{path}: expected numbers of metres, got {raw.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):
        depth = raw.astype(np.float32) * np.float32(unit_of_floats)
        depth = np.where(np.isnan(depth), np.float32(UNKNOWN_DEPTH), depth)
        return np.where(depth >= FARTHEST_DEPTH, np.float32(np.inf), depth)


def _depth_channel(path: Path) -> npt.NDArray[np.float32]:
    channels = exr_channels(path)
    if len(channels) == 1:
        pixels = next(iter(channels.values()))
    else:
        named = [name for name in channels if name.rsplit(".", 1)[-1] in ("Z", "V", "Y", "Depth")]
        if not named:
            raise DatasetError(f"{path}: no depth channel in it, only {', '.join(sorted(channels)) or 'none'}")
        pixels = channels[named[0]]
    return (pixels if pixels.ndim == 2 else pixels[..., 0]).astype(np.float32)


def _largest_step(raw: npt.NDArray[np.integer[Any]]) -> int:
    """The value that says "farther than can be told". Pillow makes 32-bit numbers of some 16-bit files."""
    largest = int(np.iinfo(raw.dtype).max)
    return 65535 if largest > 65535 and raw.size and int(raw.max()) == 65535 else largest


def tell_unused_depth(folder: Path, remarks: Remarks) -> None:
    """Note folders in ``folder`` whose pictures look like depth, of a dataset that doesn't name any."""
    try:
        inner = sorted(
            entry for entry in folder.iterdir() if _LOOKS_LIKE_DEPTH.fullmatch(entry.name) and entry.is_dir()
        )
    except OSError:
        return
    for entry in inner:
        remarks.add_all(
            f"{entry}: pictures that look like depth ({{count}}, first {{first}}) aren't used: to use them, name them "
            "as depth_file_path of frames",
            (
                file.name
                for file in sorted(entry.rglob("*"))
                if file.suffix.lower() in DEPTH_SUFFIXES and file.is_file()
            ),
        )
