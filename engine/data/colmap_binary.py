"""COLMAP's binary files, read strictly: an error names file and record, and nothing is allocated for what a file has no
room for. Observations in pictures and tracks of points are passed over."""

from __future__ import annotations

import contextlib
import mmap
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.colmap_cameras import BY_NUMBER, OTHER_MODELS
from engine.data.colmap_records import (
    LONGEST_NAME,
    MOST_POINTS,
    MOST_RECORDS,
    ModelCamera,
    ModelImage,
    check_points,
    make_camera,
    make_image,
    refuse_model,
)
from engine.data.dataset import DatasetError
from engine.link.wording import counted

# Bytes of the shortest records: of a camera with three parameters, an image with a letter's name, a point in no view.
_CAMERA, _IMAGE, _POINT = 48, 74, 51
_OBSERVATION, _TRACK_ELEMENT = 24, 8


def read_cameras(path: Path) -> dict[int, ModelCamera]:
    """The cameras by their numbers. Raises DatasetError, OSError."""
    cameras = {}
    with _opened(path) as records:
        for _ in records.each("camera", _CAMERA, MOST_RECORDS):
            number, model_number, width, height = records.take("<IiQQ")
            where = f"{path}: camera {number}"
            model = BY_NUMBER.get(model_number)
            if model is None:
                raise refuse_model(where, OTHER_MODELS.get(model_number, f"number {model_number}"))
            values = records.take(f"<{len(model.parameters)}d")
            cameras[number] = make_camera(where, model, (width, height), values)
    return cameras


def read_images(path: Path) -> list[ModelImage]:
    """The images in order. Raises DatasetError, OSError."""
    images = []
    with _opened(path) as records:
        for _ in records.each("image", _IMAGE, MOST_RECORDS):
            number, *pose, camera = records.take("<I7dI")
            images.append(make_image(f"{path}: image {number}", records.text(), camera, pose))
            records.skip_counted(_OBSERVATION)
    return images


def read_points(path: Path) -> npt.NDArray[np.float64]:
    """Where the points are, [n, 3] float64, world space. Raises DatasetError, OSError."""
    points: array[float] = array("d")
    with _opened(path) as records:
        for _ in records.each("point", _POINT, MOST_POINTS):
            points.extend(records.take("<8x3d3x8x"))
            records.skip_counted(_TRACK_ELEMENT)
    return check_points(str(path), np.array(points).reshape(-1, 3))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Records]:
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise DatasetError(f"{path}: empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield _Records(path, content)


class _Records:
    """The records of a file, one value after the other."""

    def __init__(self, path: Path, content: mmap.mmap) -> None:
        self._path, self._content = path, content
        self._at, self._where = 0, "the number of its records"

    def each(self, what: str, at_least: int, most: int) -> Iterator[None]:
        """Once for each record, whose values the loop's body takes. Each has ``at_least`` so many bytes."""
        (count,) = self.take("<Q")
        room = (len(self._content) - self._at) // at_least
        if count > most:
            raise DatasetError(f"{self._path}: {counted(count, what)}, and {most} are the most that are read")
        if count > room:
            raise DatasetError(f"{self._path}: cut off: it says {counted(count, what)}, and has room for {room}")
        for number in range(1, count + 1):
            self._where = f"{what} number {number} of {count}"
            yield
        if self._at < len(self._content):
            rest = counted(len(self._content) - self._at, "byte follows", "bytes follow")
            raise DatasetError(f"{self._path}: {rest} its {counted(count, what)}")

    def take(self, layout: str) -> Any:
        """The next values, a tuple."""
        first = self._at
        self._skip(struct.calcsize(layout))
        return struct.unpack_from(layout, self._content, first)

    def text(self) -> str:
        """Text up to a zero."""
        first = self._at
        end = self._content.find(b"\0", first, first + LONGEST_NAME)
        if end < 0:
            raise DatasetError(f"{self._path}: {self._where}: its name has no end")
        self._at = end + 1
        try:
            return self._content[first:end].decode("utf-8")
        except UnicodeDecodeError:
            raise DatasetError(f"{self._path}: {self._where}: its name isn't text in UTF-8") from None

    def skip_counted(self, size: int) -> None:
        """Pass over items of ``size`` bytes, behind their number."""
        (count,) = self.take("<Q")
        self._skip(count * size)

    def _skip(self, size: int) -> None:
        if self._at + size > len(self._content):
            raise DatasetError(f"{self._path}: cut off in {self._where}")
        self._at += size
