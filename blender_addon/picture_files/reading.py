"""A picture's file opened with OpenImageIO."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..blender_libraries import LibraryMissing, open_image_io

MAX_SIDE = 1 << 15
MAX_VALUES = 1 << 30  # of all pixels and channels, however small the file is: 16384 x 16384 of four
_PLUGINS = {"OpenEXR": "openexr", "PNG": "png"}


@contextlib.contextmanager
def opened(path: Path, kind: str, size: tuple[int, int] | None = None) -> Iterator[Any]:
    """The ImageInput of a file of this ``kind`` (a key of ``_PLUGINS``), which is not decoded yet. What isn't one, or
    is of another width and height than ``size``, is a ValueError, and so is any ValueError within: "can't be read as
    ...". Raises OSError where there is no file, LibraryMissing."""
    library = open_image_io()
    path.open("rb").close()
    try:
        settings = library.ImageSpec()
        settings.attribute("oiio:UnassociatedAlpha", 1)  # straight alpha stays straight
        file = library.ImageInput.open(str(path), settings)
        if file is None:
            raise ValueError(library.geterror())
        with contextlib.closing(file):
            spec = file.spec()
            if file.format_name() != _PLUGINS[kind]:
                raise ValueError(f"it is {file.format_name()}")
            if not (0 < spec.width <= MAX_SIDE and 0 < spec.height <= MAX_SIDE) or spec.depth > 1 or spec.deep:
                raise ValueError(f"a picture of {spec.width}x{spec.height} pixels")
            if size is not None and (spec.width, spec.height) != size:
                raise ValueError(f"it is {spec.width}x{spec.height} pixels, not {size[0]}x{size[1]}")
            if spec.width * spec.height * spec.nchannels > MAX_VALUES:
                raise ValueError(f"{spec.width}x{spec.height} pixels of {spec.nchannels} channels")
            yield file
    except LibraryMissing:
        raise
    except ValueError as error:
        raise ValueError(f"can't be read as {kind} ({_first_line(error)})") from None


def _first_line(error: ValueError) -> str:
    return next(iter(str(error).splitlines()), "")
