"""COLMAP's camera models: their numbers in binary files, their names in text, and the order of their parameters."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class CameraModel:
    """A model whose lens is followed here. ``parameters``: by OpenCV's names; ``f`` is both focal lengths."""

    number: int
    name: str
    parameters: tuple[str, ...]
    is_fisheye: bool = False


PINHOLE = CameraModel(1, "PINHOLE", ("fx", "fy", "cx", "cy"))
OPENCV = CameraModel(4, "OPENCV", (*PINHOLE.parameters, "k1", "k2", "p1", "p2"))
OPENCV_FISHEYE = CameraModel(5, "OPENCV_FISHEYE", (*PINHOLE.parameters, "k1", "k2", "k3", "k4"), True)
MODELS = (
    CameraModel(0, "SIMPLE_PINHOLE", ("f", "cx", "cy")),
    PINHOLE,
    CameraModel(2, "SIMPLE_RADIAL", ("f", "cx", "cy", "k1")),
    CameraModel(3, "RADIAL", ("f", "cx", "cy", "k1", "k2")),
    OPENCV,
    OPENCV_FISHEYE,
    CameraModel(6, "FULL_OPENCV", (*OPENCV.parameters, "k3", "k4", "k5", "k6")),
    CameraModel(8, "SIMPLE_RADIAL_FISHEYE", ("f", "cx", "cy", "k1"), True),
    CameraModel(9, "RADIAL_FISHEYE", ("f", "cx", "cy", "k1", "k2"), True),
)
# Of those that aren't read, for messages.
OTHER_MODELS = {7: "FOV", 10: "THIN_PRISM_FISHEYE", 11: "RAD_TAN_THIN_PRISM_FISHEYE"}
BY_NUMBER = {model.number: model for model in MODELS}
BY_NAME = {model.name: model for model in MODELS}
