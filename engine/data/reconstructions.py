"""Datasets whose poses come without a list in JSON: what a reconstruction from photographs leaves, in a world of its
own. They are brought into the words of a transforms.json, and then read as one."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.json_object import JsonObject
from engine.data.picture_finder import PictureFinder
from engine.data.remarks import Remarks
from engine.data.transforms import Transforms, parse_transforms

_UPRIGHT = math.cos(math.radians(10.0))  # the cosine between the world's z and the cameras' mean y
_LEVEL = math.sin(math.radians(2.0))  # of cameras that were not tilted to a side: their x by the world's z
_NO_SIDE = 0.2  # length of the cameras' mean y, if they are turned to all sides
# Where pictures are: as COLMAP's and nerfstudio's scripts put them, then scaled down, then beside the model.
PICTURES = ("images", "input", "images_2", "images_4", "images_8", ".")


@dataclasses.dataclass(frozen=True, eq=False)
class Reconstruction:
    """What was read. ``frames``: each a view's name and lens by the names of a transforms.json; ``poses`` [n, 4, 4] of
    them by our convention; ``seen`` [m, 3]: places that are known to be seen, of any number. ``path``: the file that
    names the pictures; ``folder``: in which these are."""

    path: Path
    folder: Path
    frames: list[dict[str, Any]]
    poses: npt.NDArray[np.float64]
    seen: npt.NDArray[np.float64]

    def to_transforms(self, remarks: Remarks) -> Transforms:
        """As a list of views, in a world that has its z upwards. Raises DatasetError."""
        turn = _upright(self.poses, self.path, remarks)
        poses = np.array(self.poses)
        poses[:, :3] = turn @ self.poses[:, :3]
        frames = [frame | {"transform_matrix": pose.tolist()} for frame, pose in zip(self.frames, poses, strict=True)]
        values = {"camera_axes": "opengl", "world_to_camera": False, "frames": frames}
        transforms = parse_transforms(JsonObject(values, str(self.path)), self.path, remarks)
        seen = self.seen @ turn.T if len(self.seen) else None
        return dataclasses.replace(transforms, folder=self.folder, seen=seen)


def find_pictures(folder: Path, first: str) -> str | None:
    """Below which folder in ``folder`` the picture called ``first`` is, whatever its format; None where it is
    nowhere."""
    finder = PictureFinder(folder)
    return next((place for place in PICTURES if finder.find_below(f"{place}/{first}") is not None), None)


def _upright(poses: npt.NDArray[np.float64], path: Path, remarks: Remarks) -> npt.NDArray[np.float64]:
    """The rotation [3, 3] that has the cameras' mean y point along z: none where the world's z is upwards as it is."""
    mean = poses[:, :3, 1].mean(axis=0)
    length = float(np.linalg.norm(mean))
    level = float(np.sqrt((poses[:, 2, 0] ** 2).mean()))
    if length < _NO_SIDE:
        remarks.add(
            f"{path}: which way is up, the cameras don't tell, as they are turned to all sides: z is taken for it, "
            "as the file has it"
        )
        return np.eye(3)
    up = mean / length
    if up[2] > _UPRIGHT or (level < _LEVEL and up[2] > 0.0):
        return np.eye(3)
    angle = math.degrees(math.acos(min(max(float(up[2]), -1.0), 1.0)))
    remarks.add(
        f"{path}: its world knows no upwards: it is turned by {angle:.0f} degrees, so that the cameras' mean y points "
        "along z; its scale, which is in no unit, is taken for metres"
    )
    axis = np.cross(up, [0.0, 0.0, 1.0])
    if np.linalg.norm(axis) < 1e-9:
        return np.eye(3) if up[2] > 0.0 else np.diag([1.0, -1.0, -1.0])
    # Rodrigues' formula for the rotation from one direction to another.
    cross = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    turn: npt.NDArray[np.float64] = np.eye(3) + cross + cross @ cross / (1.0 + up[2])
    return turn
