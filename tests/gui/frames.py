"""Frames that tests show without an engine: what a field that holds one ball, or nothing but one colour, would give."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from engine.link.geometry import Camera
    from engine.link.messages import Frame


def rays(camera: Camera) -> np.ndarray:
    """Through each pixel's middle, [H, W, 3] in world space; one step along it is one metre of planar z."""
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = -(np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    local = np.stack([*np.meshgrid(x, y), np.full((camera.height, camera.width), -1.0)], axis=2)
    return local @ camera.camera_to_world[:3, :3].T


def ball_depth(camera: Camera, center: np.ndarray, radius: float) -> np.ndarray:
    """Planar z [H, W] of a ball's front, +inf beside it."""
    direction, offset = rays(camera), camera.position - center
    a, b = (direction**2).sum(axis=2), direction @ offset
    inside = b**2 - a * (offset @ offset - radius**2)
    return np.where(inside > 0.0, (-b - np.sqrt(np.maximum(inside, 0.0))) / a, np.inf)


def box_depth(camera: Camera, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Planar z [H, W] of an axis-aligned box's front, +inf beside it."""
    with np.errstate(divide="ignore"):
        slopes = 1.0 / rays(camera)
    one, other = (low - camera.position) * slopes, (high - camera.position) * slopes
    near, far = np.minimum(one, other).max(axis=2), np.maximum(one, other).min(axis=2)
    return np.where((near < far) & (near > 0.0), near, np.inf)


def make_frame(camera: Camera, depth: np.ndarray, color: tuple[float, float, float], request: int = 1) -> Frame:
    """A frame of one scene-linear colour wherever ``depth`` is finite."""
    from engine.link.messages import Frame

    pixels = np.zeros((camera.height, camera.width, 4), np.float16)
    pixels[np.isfinite(depth)] = (*color, 1.0)
    return Frame(request=request, step=1, camera=camera, color=pixels, depth=depth.astype(np.float32))


def session_around(center: np.ndarray, radius: float) -> SimpleNamespace:
    """As much of a session as showing a frame needs."""
    from engine.link.geometry import Bounds

    return SimpleNamespace(bounds=Bounds(center - radius, center + radius))
