"""Pixels of a camera to directions and back, in numpy. OpenCV's distortion of a pinhole camera, which moves a ray by
little, is left to the kernels; a fisheye's projection is followed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.link import fisheye
from engine.link.arrays import Floats
from engine.link.geometry import Camera

_TINY = 1e-9


def pixel_directions(camera: Camera, x: Floats, y: Floats) -> npt.NDArray[np.float64]:
    """Directions [..., 3] in camera space, of planar depth 1 (z = -1), through the places ``x`` and ``y`` [...] of a
    picture, in pixels."""
    u, v = (np.asarray(x, np.float64) - camera.cx) / camera.fx, (np.asarray(y, np.float64) - camera.cy) / camera.fy
    if camera.is_fisheye:
        length = np.hypot(u, v)
        stretch = np.tan(fisheye.undistorted(length, camera.lens_terms)) / np.maximum(length, _TINY)
        stretch = np.where(length < _TINY, 1.0, stretch)
        u, v = u * stretch, v * stretch
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
    return np.stack([camera.fx * u + camera.cx, camera.fy * v + camera.cy], axis=1)
