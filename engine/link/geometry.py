"""Cameras and bounds as both sides of the link understand them.

Space: Blender's world, metres, Z up. ``camera_to_world`` is a 4x4 pose; the camera looks down -Z with +Y up.
Pixels: x to the right, y down, the centre of the first pixel at (0.5, 0.5).
Depth: planar z in metres along the camera axis, +inf where there is nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

MAX_IMAGE_SIDE = 16384


class GeometryError(ValueError):
    """A camera or bounds that can't be used; the message names the field at fault."""


@dataclasses.dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera with optional OpenCV lens distortion.

    ``camera_to_world`` [4, 4] float64; ``fx fy cx cy`` in pixels; ``k1 k2 p1 p2`` OpenCV's radial and tangential
    coefficients, all zero for a Blender camera.
    """

    camera_to_world: np.ndarray
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0

    def __post_init__(self) -> None:
        try:
            pose = np.asarray(self.camera_to_world, dtype=np.float64)
        except (TypeError, ValueError):
            raise GeometryError("camera_to_world: not a matrix of numbers") from None
        if pose.shape != (4, 4):
            raise GeometryError(f"camera_to_world: expected a 4x4 matrix, got shape {pose.shape}")
        if not np.isfinite(pose).all():
            raise GeometryError("camera_to_world: contains NaN or infinity")
        if abs(np.linalg.det(pose[:3, :3])) < 1e-12:
            raise GeometryError("camera_to_world: the rotation part has no inverse")
        object.__setattr__(self, "camera_to_world", pose)
        for name in ("width", "height"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise GeometryError(f"{name}: expected a whole number, got {value!r}")
            if not 1 <= value <= MAX_IMAGE_SIDE:
                raise GeometryError(f"{name}: {value} is outside 1..{MAX_IMAGE_SIDE}")
            object.__setattr__(self, name, int(value))
        for name in ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
                raise GeometryError(f"{name}: expected a finite number, got {value!r}")
            object.__setattr__(self, name, float(value))
        for name in ("fx", "fy"):
            if getattr(self, name) <= 0.0:
                raise GeometryError(f"{name}: the focal length must be positive, got {getattr(self, name)}")

    @property
    def position(self) -> np.ndarray:
        """Where the camera stands, world space, [3] float64."""
        return self.camera_to_world[:3, 3]

    @property
    def is_distorted(self) -> bool:
        """Whether any lens-distortion coefficient is not zero."""
        return any((self.k1, self.k2, self.p1, self.p2))

    def resized(self, width: int, height: int) -> Camera:
        """The same view at another resolution: intrinsics scale with the picture."""
        sx, sy = width / self.width, height / self.height
        return dataclasses.replace(
            self, width=width, height=height, fx=self.fx * sx, fy=self.fy * sy, cx=self.cx * sx, cy=self.cy * sy
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict that ``from_json`` reads back exactly."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return values | {"camera_to_world": self.camera_to_world.tolist()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Camera:
        """Read what ``to_json`` wrote. Raises GeometryError that names a missing, unknown or bad field."""
        return _from_mapping(cls, values, "camera")


@dataclasses.dataclass(frozen=True, eq=False)
class Bounds:
    """An axis-aligned box in world space that holds the subject: ``minimum``, ``maximum``, [3] float64 each, metres."""

    minimum: np.ndarray
    maximum: np.ndarray

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum"):
            try:
                corner = np.asarray(getattr(self, name), dtype=np.float64)
            except (TypeError, ValueError):
                raise GeometryError(f"{name}: not three numbers") from None
            if corner.shape != (3,) or not np.isfinite(corner).all():
                raise GeometryError(f"{name}: expected three finite numbers, got {getattr(self, name)!r}")
            object.__setattr__(self, name, corner)
        if not (self.maximum > self.minimum).all():
            raise GeometryError(
                f"maximum: {self.maximum.tolist()} must exceed minimum {self.minimum.tolist()} on every axis"
            )

    @property
    def center(self) -> np.ndarray:
        """The middle of the box, [3] float64."""
        return (self.minimum + self.maximum) / 2

    @property
    def size(self) -> np.ndarray:
        """Edge lengths, [3] float64."""
        return self.maximum - self.minimum

    @property
    def radius(self) -> float:
        """Half the diagonal: the radius of the sphere around the box."""
        return float(np.linalg.norm(self.size) / 2)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict that ``from_json`` reads back exactly."""
        return {"minimum": self.minimum.tolist(), "maximum": self.maximum.tolist()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Bounds:
        """Read what ``to_json`` wrote. Raises GeometryError that names a missing, unknown or bad field."""
        return _from_mapping(cls, values, "bounds")


def pixels_across(camera: Camera, bounds: Bounds) -> float:
    """How many pixels the longest edge of ``bounds`` spans in ``camera``'s picture, seen side on from where it is."""
    distance = max(float(np.linalg.norm(camera.position - bounds.center)), bounds.radius)
    return max(camera.fx, camera.fy) * float(bounds.size.max()) / distance


def _from_mapping(cls: type[Any], values: Mapping[str, Any], what: str) -> Any:
    if not isinstance(values, Mapping):
        raise GeometryError(f"{what}: expected an object, got {type(values).__name__}")
    fields = dataclasses.fields(cls)
    if missing := [f.name for f in fields if f.default is dataclasses.MISSING and f.name not in values]:
        raise GeometryError(f"{what}: missing {', '.join(missing)}")
    if unknown := set(values) - {f.name for f in fields}:
        raise GeometryError(f"{what}: unknown {', '.join(sorted(map(str, unknown)))}")
    return cls(**values)
