"""COLMAP's text files, read line by line: an error names file and line. Observations and tracks are passed over."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.data.colmap_cameras import BY_NAME
from engine.data.colmap_records import (
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
from engine.link.values import shorten

_LONGEST_LINE = 1 << 26  # characters: a picture with a million observations
_BEFORE_NAME = 9  # columns of images.txt
_BEFORE_TRACK = 8  # columns of points3D.txt


def read_cameras(path: Path) -> dict[int, ModelCamera]:
    """The cameras by their numbers. Raises DatasetError, OSError."""
    cameras = {}
    for where, line in _records(path, MOST_RECORDS):
        number, name, width, height, *parameters = _columns(where, line, 4)
        model = BY_NAME.get(name)
        if model is None:
            raise refuse_model(where, shorten(name))
        if len(parameters) != len(model.parameters):
            named = " ".join(model.parameters)
            raise DatasetError(f"{where}: {model.name} has the parameters {named}, and here are {len(parameters)}")
        values = [_number(where, text) for text in parameters]
        size = _whole(where, width), _whole(where, height)
        cameras[_whole(where, number)] = make_camera(where, model, size, values)
    return cameras


def read_images(path: Path) -> list[ModelImage]:
    """The images in order. Raises DatasetError, OSError."""
    images = []
    for where, line in _records(path, MOST_RECORDS, passes_over_next=True):
        columns = line.strip().split(maxsplit=_BEFORE_NAME)
        if len(columns) <= _BEFORE_NAME:
            raise DatasetError(
                f"{where}: expected IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, got {shorten(line.strip())}"
            )
        pose = [_number(where, text) for text in columns[1:8]]
        images.append(make_image(where, columns[9], _whole(where, columns[8]), pose))
    return images


def read_points(path: Path) -> npt.NDArray[np.float64]:
    """Where the points are, [n, 3] float64, world space. Raises DatasetError, OSError."""
    points: array[float] = array("d")
    for where, line in _records(path, MOST_POINTS):
        points.extend(_number(where, text) for text in _columns(where, line, _BEFORE_TRACK)[1:4])
    return check_points(str(path), np.array(points).reshape(-1, 3))


def _records(path: Path, most: int, passes_over_next: bool = False) -> Iterator[tuple[str, str]]:
    """Each line that is neither empty nor a comment, and which it is; with ``passes_over_next``, of which the one
    behind it is a part, and may be empty."""
    count = number = 0
    with path.open(encoding="utf-8", errors="strict", newline=None) as file:
        try:
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if not line.strip() or line.startswith("#"):
                    continue
                if (count := count + 1) > most:
                    raise DatasetError(f"{path}: more than the {most} records that are read")
                yield f"{path}: line {number}", line
                if passes_over_next:
                    file.readline(_LONGEST_LINE)
                    number += 1
        except UnicodeDecodeError:
            raise DatasetError(f"{path}: behind line {number}: not text in UTF-8") from None


def _columns(where: str, line: str, at_least: int) -> list[str]:
    columns = line.split()
    if len(columns) < at_least:
        raise DatasetError(f"{where}: expected {at_least} columns at least, got {shorten(line.strip())}")
    return columns


def _number(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise DatasetError(f"{where}: expected a number, got {shorten(text)}") from None
    if not math.isfinite(value):
        raise DatasetError(f"{where}: expected a finite number, got {shorten(text)}")
    return value


def _whole(where: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise DatasetError(f"{where}: expected a whole number, got {shorten(text)}")
    return int(text)
