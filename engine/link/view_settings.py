"""How closely views look at a scene: what the field's finest cells and training's lengths follow."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from engine.link.arrays import Floats
from engine.link.geometry import Bounds, Camera, find_focus

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


def _pixels_across(camera: Camera, bounds: Bounds, target: Floats | None) -> float:
    """Seen side on from where the camera is; from among what it captures, at the distance of the ``target``."""
    distance = float(np.linalg.norm(camera.position - bounds.center))
    if distance < bounds.radius:
        distance = bounds.radius
        if target is not None:
            distance = min(distance, float(np.linalg.norm(camera.position - target)))
    return max(camera.fx, camera.fy) * float(bounds.size.max()) / distance


def _looked_at(cameras: Sequence[Camera], bounds: Bounds) -> Floats | None:
    """The point [3] that all look at; None when it is not within ``bounds``, or not before the cameras."""
    point = find_focus(cameras)
    is_before = [float((point - camera.position) @ camera.camera_to_world[:3, 2]) < 0.0 for camera in cameras]
    is_inside = bool(((bounds.minimum <= point) & (point <= bounds.maximum)).all())
    return point if is_inside and statistics.fmean(is_before) >= _MOST_BEFORE else None
