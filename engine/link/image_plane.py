"""Where an image lies in the world, and the cameras that see just a part of it: upright in the plane z = 0 about the
origin, seen from above, its longer side as long as Blender's own plane."""

from __future__ import annotations

import dataclasses

import numpy as np

from engine.link.geometry import Bounds, Camera

LONGER_SIDE = 2.0  # metres
_THICKNESS = 1e-3
_CAMERA_HEIGHT = 2.0


@dataclasses.dataclass(frozen=True)
class Rectangle:
    """A part of an image, in its pixels: from the left and from the top."""

    left: float
    top: float
    width: float
    height: float


def pixel_size(width: int, height: int) -> float:
    """The side of a pixel, metres."""
    return LONGER_SIDE / max(width, height)


def image_bounds(width: int, height: int) -> Bounds:
    """The thin box that an image of so many pixels lies in."""
    half = np.array([width, height, 0.0]) * pixel_size(width, height) / 2
    half[:2] = np.maximum(half[:2], 1e-6)
    half[2] = _THICKNESS / 2
    return Bounds(-half, half)


def camera_of(rectangle: Rectangle, image: tuple[int, int], size: tuple[int, int]) -> Camera:
    """The camera that sees just ``rectangle`` of an ``image`` of that width and height, as a picture of ``size``."""
    side = pixel_size(*image)
    pose = np.eye(4)
    pose[:3, 3] = [
        (rectangle.left + rectangle.width / 2 - image[0] / 2) * side,
        (image[1] / 2 - rectangle.top - rectangle.height / 2) * side,
        _CAMERA_HEIGHT,
    ]
    width, height = size
    fx, fy = (
        count * _CAMERA_HEIGHT / (length * side)
        for count, length in ((width, rectangle.width), (height, rectangle.height))
    )
    return Camera(pose, width, height, fx, fy, width / 2, height / 2)
