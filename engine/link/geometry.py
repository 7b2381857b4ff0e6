"""Cameras and bounds as both sides of the link understand them.

Space: Blender's world, metres, Z up. ``camera_to_world`` is a 4x4 pose; the camera looks down -Z with +Y up.
Pixels: x to the right, y down, the centre of the first pixel at (0.5, 0.5).
Depth: planar z in metres along the camera axis, +inf where there is nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats
from engine.link.values import Limits, ValueRefused, finite, quoted, shorten, whole

MAX_IMAGE_SIDE = 16384
MAX_COORDINATE = 1e9  # metres: kernels compute in float32, in which squares of what is much larger are infinite
_PIXEL_SIDES = Limits(1, MAX_IMAGE_SIDE)
_MAX_SCALE = 1e4
_COARSEST = 1e-4  # of a box's size between coordinates: about a pixel of a large picture
_FOCAL_LENGTHS = Limits(1e-6, 1e9)
_CENTERS = Limits(-1e9, 1e9)
_DISTORTIONS = Limits(-1e6, 1e6)
PINHOLE_TERMS, FISHEYE_TERMS = ("k1", "k2", "p1", "p2"), ("k1", "k2", "k3", "k4")
_UNUSED_TERMS = {"pinhole": ("k3", "k4"), "fisheye": ("p1", "p2")}
# Cubes about the bounds, each twice as large as the one before. As with instant-ngp, whose largest aabb_scale is 128.
MAX_CASCADES = 8
_NARROWEST = 1e-9  # an edge of bounds, as part of the longest edge and of the distance from the origin


Projection = Literal["pinhole", "fisheye"]


class GeometryError(ValueError):
    """A camera or bounds that can't be used; the message names the field at fault."""


@dataclasses.dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera with optional OpenCV lens distortion, or a fisheye camera.

    ``camera_to_world`` [4, 4] float64; ``fx fy cx cy`` in pixels; ``k1 k2 p1 p2`` OpenCV's radial and tangential
    coefficients, all zero for a Blender camera. With the projection "fisheye" ``k1 k2 k3 k4`` are those of
    ``fisheye``; what lies farther off the axis than that follows is seen nowhere.
    """

    camera_to_world: Floats
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
    k3: float = 0.0
    k4: float = 0.0
    projection: Projection = "pinhole"

    def __post_init__(self) -> None:
        pose = _read_array("camera_to_world", self.camera_to_world, (4, 4))
        if abs(_determinant(pose)) < 1e-12:
            raise GeometryError("camera_to_world: the rotation part has no inverse")
        if np.abs(pose[:3, :3]).max() > _MAX_SCALE:
            raise GeometryError(f"camera_to_world: the rotation part is scaled by more than {_MAX_SCALE:g}")
        object.__setattr__(self, "camera_to_world", pose)
        for name in ("width", "height"):
            self._hold(name, whole, _PIXEL_SIDES)
        for name in ("fx", "fy"):
            if isinstance(value := getattr(self, name), int | float) and value <= 0:
                raise GeometryError(f"{name}: the focal length must be positive, got {shorten(value)}")
            self._hold(name, finite, _FOCAL_LENGTHS)
        for name in ("cx", "cy"):
            self._hold(name, finite, _CENTERS)
        for name in ("k1", "k2", "p1", "p2", "k3", "k4"):
            self._hold(name, finite, _DISTORTIONS)
        if not isinstance(self.projection, str) or self.projection not in _UNUSED_TERMS:
            raise GeometryError(f"projection: expected pinhole or fisheye, got {shorten(self.projection)}")
        if unused := [name for name in _UNUSED_TERMS[self.projection] if getattr(self, name)]:
            raise GeometryError(f"{unused[0]}: a {self.projection} camera has no such term")

    def _hold(self, name: str, read: Callable[[Any, Limits], float], limits: Limits) -> None:
        try:
            object.__setattr__(self, name, read(getattr(self, name), limits))
        except ValueRefused as error:
            raise GeometryError(f"{name}: {error}") from None

    @property
    def position(self) -> Floats:
        """Where the camera stands, world space, [3] float64."""
        return self.camera_to_world[:3, 3]

    @property
    def is_fisheye(self) -> bool:
        """Whether its projection is that of a fisheye."""
        return self.projection == "fisheye"

    @property
    def lens_terms(self) -> tuple[float, float, float, float]:
        """PINHOLE_TERMS, or FISHEYE_TERMS of a fisheye."""
        return (self.k1, self.k2, self.k3, self.k4) if self.is_fisheye else (self.k1, self.k2, self.p1, self.p2)

    @property
    def is_distorted(self) -> bool:
        """Whether it differs from a pinhole camera."""
        return self.is_fisheye or any(self.lens_terms)

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
    def from_json(cls, values: Any) -> Camera:
        """Read what ``to_json`` wrote. Raises GeometryError that names a missing, unknown or bad field."""
        return _from_mapping(cls, values, "camera")


@dataclasses.dataclass(frozen=True, eq=False)
class Bounds:
    """An axis-aligned box in world space that holds the subject: ``minimum``, ``maximum``, [3] float64 each, metres."""

    minimum: Floats
    maximum: Floats

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum"):
            object.__setattr__(self, name, _read_array(name, getattr(self, name), (3,)))
        if not (self.maximum > self.minimum).all():
            raise GeometryError(
                f"maximum: {self.maximum.tolist()} must exceed minimum {self.minimum.tolist()} on every axis"
            )
        farthest = float(np.abs([self.minimum, self.maximum]).max())
        if float(self.size.min()) < _NARROWEST * max(farthest, float(self.size.max())):
            raise GeometryError(
                f"maximum: {self.maximum.tolist()} and minimum {self.minimum.tolist()} make a box that is too thin, "
                "for its length or for how far it is from the origin"
            )

    @property
    def center(self) -> Floats:
        """The middle of the box, [3] float64."""
        return (self.minimum + self.maximum) / 2

    @property
    def size(self) -> Floats:
        """Edge lengths, [3] float64."""
        return self.maximum - self.minimum

    @property
    def corners(self) -> Floats:
        """The eight corners of the box, [8, 3] float64."""
        is_maximum = np.array([[corner >> axis & 1 for axis in range(3)] for corner in range(8)], dtype=bool)
        return np.where(is_maximum, self.maximum, self.minimum)

    @property
    def radius(self) -> float:
        """Half the diagonal: the radius of the sphere around the box."""
        return float(np.linalg.norm(self.size) / 2)

    @property
    def coordinate_spacing(self) -> float:
        """How far apart coordinates in float32, as Blender has them, are in the middle of the box, metres."""
        return float(np.abs(self.center).max()) * float(np.finfo(np.float32).eps)

    @property
    def is_too_far_for_float32(self) -> bool:
        """Whether the box is so far from the world's origin that float32 tells too few places in it apart."""
        return self.coordinate_spacing >= _COARSEST * float(self.size.max())

    def is_close(self, other: Bounds) -> bool:
        """Whether ``other`` is the same box, to a hundredth of a millimetre."""
        return np.allclose([self.minimum, self.maximum], [other.minimum, other.maximum], rtol=0.0, atol=1e-5)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict that ``from_json`` reads back exactly."""
        return {"minimum": self.minimum.tolist(), "maximum": self.maximum.tolist()}

    @classmethod
    def from_json(cls, values: Any) -> Bounds:
        """Read what ``to_json`` wrote. Raises GeometryError that names a missing, unknown or bad field."""
        return _from_mapping(cls, values, "bounds")


def extent_of(bounds: Bounds, cascades: int) -> Bounds:
    """The box outside of which a field is empty: ``bounds``, or with several ``cascades`` the outermost cube, about
    their centre, 2**(cascades - 1) times as wide as their longest edge."""
    if cascades <= 1:
        return bounds
    half = 0.5 * float(bounds.size.max()) * 2 ** (cascades - 1)
    return Bounds(bounds.center - half, bounds.center + half)


def find_focus(cameras: Sequence[Camera]) -> Floats:
    """The point [3] nearest to all optical axes; of several (parallel axes), the one nearest to the cameras' middle,
    wherever in the world that is."""
    middle = np.mean([camera.position for camera in cameras], axis=0)
    normal = np.zeros((3, 3))
    right = np.zeros(3)
    for camera in cameras:
        axis = camera.camera_to_world[:3, 2] / np.linalg.norm(camera.camera_to_world[:3, 2])
        across = np.eye(3) - np.outer(axis, axis)  # projects onto the plane that the axis stands on
        normal += across
        right += across @ (camera.position - middle)
    focus: Floats = middle + np.linalg.lstsq(normal, right, rcond=1e-6)[0]
    return focus


def _read_array(name: str, value: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """``value`` as float64 of this shape, each number within +-MAX_COORDINATE. Raises GeometryError."""
    try:
        _check_numbers(value, len(shape))
        array = np.array(value, dtype=np.float64)
    except (
        TypeError,
        ValueError,
        OverflowError,
    ) as error:  # ValueRefused is one; numpy refuses rows of several lengths
        words = str(error) if isinstance(error, ValueRefused) else "expected numbers"
        raise GeometryError(f"{name}: {words}") from None
    if array.shape != shape:
        wanted = "a 4x4 matrix" if shape == (4, 4) else f"{shape[0]} numbers"
        raise GeometryError(f"{name}: expected {wanted}, got {shorten(value)}")
    if not np.abs(array).max() <= MAX_COORDINATE:  # nor is NaN
        if not np.isfinite(array).all():
            raise GeometryError(f"{name}: contains NaN or infinity")
        raise GeometryError(f"{name}: {shorten(array.tolist())} goes beyond {MAX_COORDINATE:g} m")
    return array


def _determinant(pose: npt.NDArray[np.float64]) -> float:
    """Determinant of the rotation part. There may be 50,000 cameras in a message: numpy's takes several times as
    long."""
    (a, b, c, _), (d, e, f, _), (g, h, i, _), _ = pose.tolist()
    return float(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


def _check_numbers(value: Any, dimensions: int) -> None:
    """numpy would also take "1" and true for numbers. Raises ValueRefused."""
    if isinstance(value, list | tuple):
        if not dimensions:
            raise ValueRefused(f"expected a number, got {shorten(value)}")
        for item in value:
            if type(item) is not float:
                _check_numbers(item, dimensions - 1)
    elif isinstance(value, str | bytes | bool | dict) or value is None:
        raise ValueRefused(f"expected numbers, got {quoted(value)}")


Geometry = TypeVar("Geometry", Camera, Bounds)


def _from_mapping(cls: type[Geometry], values: Any, what: str) -> Geometry:
    if not isinstance(values, Mapping):
        raise GeometryError(f"{what}: expected an object, got {type(values).__name__}")
    fields = dataclasses.fields(cls)
    if missing := [f.name for f in fields if f.default is dataclasses.MISSING and f.name not in values]:
        raise GeometryError(f"{what}: missing {', '.join(missing)}")
    if unknown := set(values) - {f.name for f in fields}:
        raise GeometryError(f"{what}: unknown {', '.join(sorted(map(shorten, unknown))[:5])}")
    return cls(**values)
