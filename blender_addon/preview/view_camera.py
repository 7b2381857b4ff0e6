"""The 3D viewport's own view as a pinhole camera."""

from __future__ import annotations

import bpy
import numpy as np

from engine.link.geometry import Camera, GeometryError

from ..capture.cameras import camera_from_projection


def camera_from_view(view_matrix: np.ndarray, window_matrix: np.ndarray, width: int, height: int) -> Camera | None:
    """The camera that sees what a viewport shows on ``width`` x ``height`` pixels.

    ``view_matrix`` (world to view) and ``window_matrix`` (view to clip) are [4, 4]. None for an orthographic view,
    which is no pinhole camera.
    """
    projection = np.array(window_matrix, dtype=np.float64)
    if projection[3, 3] != 0.0:
        return None
    try:
        pose = np.linalg.inv(np.array(view_matrix, dtype=np.float64))
        return camera_from_projection(pose, projection, width, height)
    except (GeometryError, np.linalg.LinAlgError):
        return None


def camera_of_region(region: bpy.types.Region, view: bpy.types.RegionView3D) -> Camera | None:
    """``camera_from_view`` of a viewport's region as it was drawn last."""
    return camera_from_view(view.view_matrix, view.window_matrix, region.width, region.height)


def is_same_view(one: Camera, other: Camera) -> bool:
    """Whether two cameras see the same picture, be it at different resolutions."""
    scaled = other.resized(one.width, one.height)
    lenses = [(camera.fx, camera.fy, camera.cx, camera.cy) for camera in (one, scaled)]
    # A smaller picture's whole pixels may change its shape a little; that moves no point, for intrinsics follow.
    return np.allclose(*lenses, rtol=1e-5, atol=1e-3) and np.allclose(
        one.camera_to_world, other.camera_to_world, rtol=1e-6, atol=1e-6
    )
