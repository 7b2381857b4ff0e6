"""Writes what a FlatViewer shows as one file of any size, in bands: never the whole of it is in memory."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO

from engine.link.geometry import MAX_IMAGE_SIDE
from engine.link.image_plane import Rectangle
from engine.link.part_files import written_atomically
from engine.rendering.renderer import RenderedImage
from engine.rendering.viewer import FlatViewer

SUFFIXES = (".png", ".exr")
_TILE = 64
# Of a band that is rendered at a time, where a row of tiles isn't larger.
_BAND_PIXELS = 1 << 18


class ImageWriteError(ValueError):
    """An image that can't be written; the message names it."""


class ImageWriter:
    """An iterator that writes ``rectangle`` of what ``viewer`` shows to ``path``, as an image of ``size``; each step
    gives how many rows are done. The file appears when all are. A PNG has sRGB's display values with straight alpha, an
    OpenEXR file tiles of scene-linear half floats."""

    def __init__(self, viewer: FlatViewer, path: Path, rectangle: Rectangle, size: tuple[int, int]) -> None:
        """Raises ImageWriteError."""
        if path.suffix.lower() not in SUFFIXES:
            raise ImageWriteError(f"{path}: an image is written as {' or '.join(SUFFIXES)}")
        width, height = viewer.size
        right, bottom = rectangle.left + rectangle.width, rectangle.top + rectangle.height
        if not (0 <= rectangle.left < right <= width and 0 <= rectangle.top < bottom <= height):
            raise ImageWriteError(
                f"the rectangle of {rectangle.width:g}x{rectangle.height:g} pixels from {rectangle.left:g}, "
                f"{rectangle.top:g} on isn't inside the image of {width}x{height}"
            )
        self._viewer, self._path, self._rectangle, self._size = viewer, path, rectangle, size
        self._is_light = path.suffix.lower() == ".exr"

    def __iter__(self) -> Generator[int, None, None]:
        try:
            with written_atomically(self._path) as part:
                output = OpenImageIO.ImageOutput.create(str(part))
                self._require(output, output is not None and output.open(str(part), self._spec()))
                try:
                    yield from self._write_bands(output)
                finally:
                    is_closed = output.close()
                self._require(output, is_closed)
        except OSError as error:
            raise ImageWriteError(f"{self._path}: can't be written ({error.strerror or error})") from None

    def _spec(self) -> Any:
        spec = OpenImageIO.ImageSpec(*self._size, 4, "half" if self._is_light else "uint8")
        if self._is_light:
            spec.tile_width = spec.tile_height = _TILE
            spec.attribute("compression", "zip")
        else:
            spec.attribute("oiio:ColorSpace", "sRGB")
            spec.attribute("oiio:UnassociatedAlpha", 1)
            spec.attribute("png:compressionLevel", 3)
        return spec

    def _write_bands(self, output: Any) -> Generator[int, None, None]:
        width, height = self._size
        rows = max(_BAND_PIXELS // width // _TILE, 1) * _TILE
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            pixels = self._render(top, bottom)
            if self._is_light:
                is_written = output.write_tiles(0, width, top, bottom, 0, 1, pixels)
            else:
                is_written = output.write_scanlines(top, bottom, 0, pixels)
            self._require(output, is_written)
            yield bottom

    def _render(self, top: int, bottom: int) -> np.ndarray[Any, Any]:
        """Rows of the file, [rows, W, 4]."""
        width, height = self._size
        across, down = self._rectangle.width / width, self._rectangle.height / height
        parts = []
        for left in range(0, width, MAX_IMAGE_SIDE):
            right = min(left + MAX_IMAGE_SIDE, width)
            corner = self._rectangle.left + left * across, self._rectangle.top + top * down
            part = Rectangle(*corner, (right - left) * across, (bottom - top) * down)
            parts.append(self._encode(self._viewer.render(self._viewer.facing(part, (right - left, bottom - top)))))
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def _encode(self, picture: RenderedImage) -> np.ndarray[Any, Any]:
        return picture.to_scene_linear()[0] if self._is_light else picture.to_bytes(None)

    def _require(self, output: Any, is_done: bool) -> None:
        if not is_done:
            words = (output.geterror() if output is not None else "") or OpenImageIO.geterror() or "unknown"
            raise ImageWriteError(f"{self._path}: can't be written ({words.splitlines()[0]})")
