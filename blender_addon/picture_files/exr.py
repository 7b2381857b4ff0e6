"""OpenEXR files in and out, by whole channels."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engine.link.disk import sync_file
from engine.link.part_files import written_atomically

from ..blender_libraries import open_image_io
from .reading import opened

_KINDS = {"half": "float16", "float": "float32"}  # OpenImageIO's name and numpy's


def read_exr(path: Path, size: tuple[int, int] | None = None) -> dict[str, np.ndarray]:
    """The channels of an EXR file's first part: name to [H, W] float16 or float32, first row on top. From any thread.
    Raises OSError; ValueError for what is no whole EXR file of halves and floats, or not of this ``size``."""
    with opened(path, "OpenEXR", size) as file:
        spec = file.spec()
        kinds = [str(kind) for kind in spec.channelformats] or [str(spec.format)] * spec.nchannels
        if unknown := set(kinds) - _KINDS.keys():
            raise ValueError(f"channels of {', '.join(sorted(unknown))} instead of floats")
        planes = {}
        for kind, run in itertools.groupby(range(spec.nchannels), kinds.__getitem__):
            places = list(run)
            pixels = file.read_image(0, 0, places[0], places[-1] + 1, kind)
            if pixels is None:
                raise ValueError(file.geterror())
            planes |= {spec.channelnames[place]: pixels[..., at] for at, place in enumerate(places)}
        return planes


def write_exr(path: Path, channels: Mapping[str, np.ndarray]) -> None:
    """Write an EXR file of ``channels``: name to [H, W] float16 or float32, first row on top, losslessly compressed.
    Under a temporary name first, then renamed; from any thread. Raises OSError, LibraryMissing."""
    library = open_image_io()
    pixels = np.stack(list(channels.values()), axis=2)  # of the widest kind, where there are several
    height, width, count = pixels.shape
    spec = library.ImageSpec(width, height, count, _kind_of(pixels))
    spec.channelnames = tuple(channels)
    spec.channelformats = tuple(library.TypeDesc(_kind_of(plane)) for plane in channels.values())
    spec.attribute("compression", "zip")
    with written_atomically(path) as temporary:
        _write(library.ImageOutput.create("exr"), temporary, spec, pixels)
        sync_file(temporary)


def _kind_of(array: np.ndarray) -> str:
    return "half" if array.dtype == np.float16 else "float"


def _write(output: object, path: Path, spec: object, pixels: np.ndarray) -> None:
    is_written = output.open(str(path), spec) and output.write_image(pixels)
    is_written = output.close() and is_written
    if not is_written:  # OpenImageIO keeps the system's reason to itself
        is_full = shutil.disk_usage(path.parent).free < pixels.nbytes
        code = errno.ENOSPC if is_full else errno.EIO
        raise OSError(code, os.strerror(code), str(path))
