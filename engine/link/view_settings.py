"""How closely views look at a scene: what the field's finest cells and training's lengths follow."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.link.geometry import Bounds, Camera

# Axes of nearly one direction meet anywhere along it.
_LEAST_CROSSING = 1e-3
# So many of the cameras must have the point before them that all look at. In a room they look away from it.
_MOST_BEFORE = 0.9


def view_settings(cameras: Sequence[Camera], bounds: Bounds) -> dict[str, float]:
    """The settings of training that follow from how ``cameras``, at least one, look at ``bounds``: ``pixels_across``,
    how many pixels the longest edge of the bounds would span where a typical view looks, and ``picture_side``, how many
    there are along the longer side of its picture."""
    target = _looked_at(cameras, bounds)
    return {
        "pixels_across": statistics.median(_pixels_across(camera, bounds, target) for camera in cameras),
        "picture_side": float(statistics.median(max(camera.width, camera.height) for camera in cameras)),
    }


def _pixels_across(camera: Camera, bounds: Bounds, target: npt.NDArray[np.float64] | None) -> float:
    """Seen side on from where the camera is; from among what it captures, at the distance of the ``target``."""
    distance = float(np.linalg.norm(camera.position - bounds.center))
    if distance < bounds.radius:
        distance = bounds.radius
        if target is not None:
            distance = min(distance, float(np.linalg.norm(camera.position - target)))
    return max(camera.fx, camera.fy) * float(bounds.size.max()) / distance


def _looked_at(cameras: Sequence[Camera], bounds: Bounds) -> npt.NDArray[np.float64] | None:
    """The point [3] that the optical axes pass most closely; None when they have none in common within ``bounds`` and
    before the cameras."""
    poses = np.stack([camera.camera_to_world for camera in cameras])
    positions, axes = poses[:, :3, 3], -poses[:, :3, 2]
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]  # what of a vector is square to each axis
    total = across.mean(axis=0)
    if np.linalg.eigvalsh(total)[0] < _LEAST_CROSSING:
        return None
    point: npt.NDArray[np.float64] = np.linalg.solve(total, (across @ positions[:, :, None]).mean(axis=0))[:, 0]
    is_before = ((point - positions) * axes).sum(axis=1) > 0
    is_inside = bool(((bounds.minimum <= point) & (point <= bounds.maximum)).all())
    return point if is_inside and is_before.mean() >= _MOST_BEFORE else None
