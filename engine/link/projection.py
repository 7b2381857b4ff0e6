"""Pixels of a camera to directions and back, in numpy, through the lenses that the kernels follow: a pinhole with
OpenCV's distortion, or a fisheye."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.link import fisheye
from engine.link.arrays import Floats
from engine.link.geometry import Camera

_TINY = 1e-9
_ITERATIONS = 20  # of the kernels
_AWAY = 1e6  # times as far from the middle of the lens as it was


def pixel_directions(camera: Camera, x: Floats, y: Floats) -> npt.NDArray[np.float64]:
    """Directions [..., 3] in camera space, of planar depth 1 (z = -1), through the places ``x`` and ``y`` [...] of a
    picture, in pixels."""
    u, v = (np.asarray(x, np.float64) - camera.cx) / camera.fx, (np.asarray(y, np.float64) - camera.cy) / camera.fy
    if camera.is_fisheye:
        length = np.hypot(u, v)
        stretch = np.tan(fisheye.undistorted(length, camera.lens_terms)) / np.maximum(length, _TINY)
        stretch = np.where(length < _TINY, 1.0, stretch)
        u, v = u * stretch, v * stretch
    elif camera.is_distorted:
        u, v = _undistorted(camera, u, v)
    return np.stack([u, -v, -np.ones_like(u)], axis=-1)


def project(camera: Camera, points: Floats) -> npt.NDArray[np.float64]:
    """Where ``points`` [n, 3] in camera space, before the camera, are seen: [n, 2] in pixels."""
    z = np.maximum(-points[:, 2], _TINY)
    u, v = points[:, 0] / z, -points[:, 1] / z
    if camera.is_fisheye:
        radius = np.hypot(u, v)
        shrink = fisheye.distorted(np.arctan(radius), camera.lens_terms) / np.maximum(radius, _TINY)
        shrink = np.where(radius < _TINY, 1.0, shrink)
        u, v = u * shrink, v * shrink
    elif camera.is_distorted:
        u, v = _distorted(camera, u, v)
    return np.stack([camera.fx * u + camera.cx, camera.fy * v + camera.cy], axis=1)


def _distorted(camera: Camera, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """OpenCV's distortion of places in focal lengths. What is so far out that the radial terms turn back is moved away
    from the picture, for it would be folded into it."""
    square = u * u + v * v
    radial = 1.0 + square * (camera.k1 + square * camera.k2)
    p1, p2 = camera.p1, camera.p2
    x = u * radial + 2.0 * p1 * u * v + p2 * (square + 2.0 * u * u)
    y = v * radial + p1 * (square + 2.0 * v * v) + 2.0 * p2 * u * v
    beyond = square > _turning_square(camera.k1, camera.k2)
    return np.where(beyond, u * _AWAY, x), np.where(beyond, v * _AWAY, y)


def _undistorted(camera: Camera, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The way back, by the kernels' iteration. Where a lens folds places onto others it finds none, and the straight
    ray stands for it."""
    u, v = x, y
    with np.errstate(all="ignore"):
        for _ in range(_ITERATIONS):
            square = u * u + v * v
            radial = 1.0 + square * (camera.k1 + square * camera.k2)
            u, v = (
                (x - 2.0 * camera.p1 * u * v - camera.p2 * (square + 2.0 * u * u)) / radial,
                (y - camera.p1 * (square + 2.0 * v * v) - 2.0 * camera.p2 * u * v) / radial,
            )
    is_found = np.isfinite(u) & np.isfinite(v)
    return np.where(is_found, u, x), np.where(is_found, v, y)


def _turning_square(k1: float, k2: float) -> float:
    """The square of the radius at which r (1 + k1 r^2 + k2 r^4) begins to fall."""
    roots = np.roots([5.0 * k2, 3.0 * k1, 1.0])
    turning = [root.real for root in roots if abs(root.imag) < _TINY and root.real > 0.0]
    return min(turning, default=np.inf)
