"""What a COLMAP sparse model is made of, whichever kind of file it was read from, and what of it is refused.

The formats are those of COLMAP's documentation ("Output Format"): poses lead from the world to a camera with OpenCV's
axes, and the centre of the first pixel is at (0.5, 0.5), as here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.data.colmap_cameras import CameraModel
from engine.data.dataset import DatasetError
from engine.link.arrays import Floats
from engine.link.geometry import MAX_COORDINATE
from engine.link.values import shorten

MOST_RECORDS = 65_536  # cameras, and images
MOST_POINTS = 50_000_000
LONGEST_NAME = 4096  # characters
_LARGEST_SIDE = 1_000_000  # pixels, of pictures that may have been scaled down since
_LEAST_LENGTH = 1e-6  # of a quaternion


@dataclasses.dataclass(frozen=True)
class ModelCamera:
    """A lens: ``width`` and ``height`` in pixels, ``values`` by the names of its model's parameters."""

    model: CameraModel
    width: int
    height: int
    values: dict[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class ModelImage:
    """A picture: its ``name`` below the folder of all pictures, the number of its camera, and its pose by our
    convention, [4, 4]."""

    name: str
    camera: int
    camera_to_world: npt.NDArray[np.float64]


def make_camera(where: str, model: CameraModel, size: tuple[int, int], values: Sequence[float]) -> ModelCamera:
    """A camera of these values. Raises DatasetError, as all here do, that begins with ``where``."""
    if not all(1 <= side <= _LARGEST_SIDE for side in size):
        raise DatasetError(f"{where}: pictures of {size[0]}x{size[1]} pixels")
    for name, value in zip(model.parameters, values, strict=True):
        if not math.isfinite(value):
            raise DatasetError(f"{where}: {name}: expected a finite number, got {value}")
    return ModelCamera(model, *size, dict(zip(model.parameters, values, strict=True)))


def make_image(where: str, name: str, camera: int, pose: Sequence[float]) -> ModelImage:
    """An image whose ``pose`` is a quaternion w x y z and a translation, from the world to the camera."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise DatasetError(f"{where}: name: not one that a picture can have: {shorten(name)}")
    values = np.array(pose, np.float64)
    if not np.abs(values).max() <= MAX_COORDINATE:
        raise DatasetError(f"{where} ({name}): its pose isn't made of usable numbers: {shorten(list(pose))}")
    length = float(np.linalg.norm(values[:4]))
    if length < _LEAST_LENGTH:
        raise DatasetError(f"{where} ({name}): its quaternion is 0")
    world_to_camera = rotation_of(values[:4] / length)
    pose_here = np.eye(4)
    pose_here[:3, :3] = world_to_camera.T * [1.0, -1.0, -1.0]  # from OpenCV's axes
    pose_here[:3, 3] = -world_to_camera.T @ values[4:]
    return ModelImage(name, camera, pose_here)


def rotation_of(quaternion: Floats) -> npt.NDArray[np.float64]:
    """The matrix [3, 3] of a quaternion w x y z of length 1."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def check_points(where: str, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """``points`` [n, 3], all of which must be somewhere."""
    if len(points) and not np.abs(points).max() <= MAX_COORDINATE:
        bad = int(np.flatnonzero(~(np.abs(points) <= MAX_COORDINATE).all(axis=1))[0])
        raise DatasetError(f"{where}: point number {bad + 1}: nowhere: {shorten(points[bad].tolist())}")
    return points


def refuse_model(where: str, name: str) -> DatasetError:
    """An error for a camera model that isn't read."""
    return DatasetError(
        f"{where}: its camera model {name} isn't read: undistort the pictures, by COLMAP's image_undistorter, and give "
        "the folder that it makes"
    )
