"""A lens as other programs have it: a matrix, or an object of values, in the place of fl_x, fl_y, cx and cy."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.json_object import JsonObject
from engine.data.remarks import Remarks

_NAMES = re.compile(r"(k|(cam(era)?_?)?(k|intrinsics?)(_?mat(rix)?)?|camera_?mat(rix)?)", re.IGNORECASE)
_KEYS = {"fx": "fl_x", "fy": "fl_y"} | {name: name for name in ("fl_x", "fl_y", "cx", "cy", "w", "h")}
_TOLERANCE = 1e-6  # of the focal length: of what is 0 in a matrix
_LIKE_A_LENS = re.compile(r"focal|fov|intrinsic|angle_of_view|(?<![a-z])f[xy]?(?![a-z])|^k$|camera_?mat", re.IGNORECASE)


def read_intrinsics(values: JsonObject, remarks: Remarks) -> dict[str, float]:
    """fl_x, fl_y, cx and cy, by these names, of a matrix [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] or an object of fx, fy,
    cx and cy that ``values`` has. What is called so and is neither is told."""
    for name in values:
        if not _NAMES.fullmatch(name) or isinstance(values.peek(name), str | bool):
            continue
        found = _of_object(values.peek(name)) or _of_matrix(_as_matrix(values.peek(name)))
        if found:
            values.get(name)
            return found
        if isinstance(values.peek(name), list | dict):
            values.get(name)
            remarks.add(
                f"{name} that isn't used ({{times}}, first in {{first}}), as it is no matrix [[fx, 0, cx], [0, fy, "
                "cy], [0, 0, 1]]: name fl_x, fl_y, cx and cy instead",
                values.where,
            )
    return {}


def like_a_lens(values: JsonObject) -> list[str]:
    """The names of what ``values`` has that may be a focal length, where it has none by the names that are read."""
    return [name for name in values if _LIKE_A_LENS.search(name)]


def _of_object(value: Any) -> dict[str, float]:
    """Intrinsics in an object that has a focal length, and nothing but numbers under names that are known."""
    if not isinstance(value, dict) or not set(value) <= set(_KEYS) or not {"fx", "fl_x"} & set(value):
        return {}
    numbers = {_KEYS[key]: float(item) for key, item in value.items() if _is_number(item)}
    return numbers if len(numbers) == len(value) else {}


def _as_matrix(value: Any) -> npt.NDArray[np.float64] | None:
    """[rows, columns] of numbers, also of 9 or 16 of them row by row."""
    if not isinstance(value, list) or len(value) > 16:
        return None
    if len(value) in (9, 16) and all(map(_is_number, value)):
        side = 3 if len(value) == 9 else 4
        return np.array(value, np.float64).reshape(side, side)
    rows = [row for row in value if isinstance(row, list) and len(row) in (3, 4) and all(map(_is_number, row))]
    return np.array(rows, np.float64) if len(rows) == len(value) and len({len(row) for row in rows}) == 1 else None


def _of_matrix(matrix: npt.NDArray[np.float64] | None) -> dict[str, float]:
    if matrix is None or matrix.shape not in ((3, 3), (3, 4), (4, 4)):
        return {}
    fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    pinhole = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
    fits = np.abs(matrix[:3, :3] - pinhole).max() <= _TOLERANCE * max(abs(fx), 1.0)
    return {"fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy} if fits and np.isfinite(matrix).all() else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
