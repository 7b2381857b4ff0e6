"""The matrix that a list has for a picture: read, checked, and freed of its scale."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from engine.data.dataset import DatasetError
from engine.data.json_object import JsonObject, name_key
from engine.data.remarks import Remarks, plain

_WORLD_TO_CAMERA = ("w2c", "worldtocam", "worldview", "viewmat", "extrinsic")  # in a name
_TOLERANCE = 1e-3  # of what is 0 or 1 in a pose
_MOST_SKEW = 0.02  # the cosine between two axes


def read_pose(entry: JsonObject, file_path: str, remarks: Remarks) -> npt.NDArray[np.float64]:
    """The matrix [4, 4] of an entry, by the list's own convention, with axes of length 1; what is odd about it is told
    of the picture at ``file_path``. Raises DatasetError."""
    field = "transform_matrix"
    if field not in entry and "transform_matrix_start" in entry:
        field = "transform_matrix_start"
        entry.get("transform_matrix_end")
        remarks.add(
            "frames that say where the camera was when its shutter opened and when it closed ({count}, first {first}): "
            "the first is used for the whole picture; name one transform_matrix if another one fits better",
            file_path,
        )
    pose = entry.matrix(field, side=4)
    if pose is None:
        others = [name for name in entry if _is_like_a_pose(entry.peek(name))]
        called = _call_it(others[0]) if others else ""
        raise DatasetError(f"{entry.where}: transform_matrix is missing{called}")
    if pose.shape == (3, 4):
        pose = np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])
    if pose.shape != (4, 4):
        raise DatasetError(f"{entry.where}: {field}: expected 4x4 numbers, got shape {list(pose.shape)}")
    if np.abs(pose[3, :3]).max() > _TOLERANCE or abs(pose[3, 3] - 1.0) > _TOLERANCE:
        if pose[3].any():  # else it was filled up from 3x4
            turned = ": it looks transposed" if np.abs(pose[:3, 3]).max() <= _TOLERANCE else ""
            raise entry.refuse(field, f"its last row must be 0 0 0 1{turned}", pose[3].tolist())
        pose[3, 3] = 1.0
    return _without_scale(pose, file_path, remarks)


def _call_it(name: str) -> str:
    """What to do with a matrix that is there instead of transform_matrix."""
    if any(word in name_key(name) for word in _WORLD_TO_CAMERA):
        return f"; {plain(name)} seems to lead from the world to the camera: call it so, and add world_to_camera: true"
    return f"; if {plain(name)} is the camera-to-world matrix, call it so"


def _is_like_a_pose(value: object) -> bool:
    if not isinstance(value, list):
        return False
    return len(value) == 16 or (len(value) in (3, 4) and all(isinstance(row, list) and len(row) == 4 for row in value))


def _without_scale(pose: npt.NDArray[np.float64], file_path: str, remarks: Remarks) -> npt.NDArray[np.float64]:
    """``pose`` with axes of length 1, as renders have a camera whatever it is parented to."""
    lengths = np.linalg.norm(pose[:3, :3], axis=0)
    if lengths.min() <= 0.0:
        return pose  # no camera has that, which refuses it
    if np.abs(lengths - 1.0).max() > _TOLERANCE:
        remarks.add(
            "poses with a scale ({count}, first {first}: axes {lengths} long): it is left out, as in renders; write "
            "poses without",
            file_path,
            lengths=" ".join(f"{length:.4g}" for length in lengths),
        )
        pose[:3, :3] /= lengths
    axes = pose[:3, :3]
    skew = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if skew > _MOST_SKEW:
        remarks.add(
            "poses that are sheared ({count}, first {first}: axes up to {angle} degrees from upright to each other): "
            "pictures will not fit; write poses as rotations",
            file_path,
            angle=f"{math.degrees(math.asin(min(skew, 1.0))):.2g}",
        )
    if np.linalg.det(axes) < 0.0:
        remarks.add(
            "poses that are mirrored ({count}, first {first}: their x, y and z are left-handed): they are used as they "
            "are, which is right where the world or the pictures are mirrored, too; else one axis is the wrong way "
            "round, turn it in the file",
            file_path,
        )
    return pose
