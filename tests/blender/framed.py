"""How planned cameras see a subject: whether it fills their pictures, and none crops it."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import bpy
import numpy as np

Import = Callable[[str], ModuleType]

SLOPE = math.tan(math.radians(20))  # of the default field of view


def vertices(obj: bpy.types.Object) -> np.ndarray:
    """Of a mesh object as evaluated, in world space."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    local = np.array([vertex.co for vertex in evaluated.data.vertices])
    return local @ np.array(obj.matrix_world)[:3, :3].T + np.array(obj.matrix_world)[:3, 3]


def planned(addon: Import, scene: bpy.types.Scene) -> list[np.ndarray]:
    """The poses of the planned cameras, training views first."""
    bpy.context.view_layer.update()
    return [
        pose.camera_to_world for pose in addon("capture.poses").planned_poses(scene, bpy.context.view_layer.depsgraph)
    ]


def seen_from(pose: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where in the square picture, -1..1, a camera with the default lens sees ``points``: [n, 2]."""
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    assert (local[:, 2] < 0).all()
    return local[:, :2] / -local[:, 2:] / SLOPE


def check_framed(poses: list[np.ndarray], points: np.ndarray) -> None:
    """The picture is filled, and nothing is cropped."""
    seen = [seen_from(pose, points) for pose in poses]
    assert max(np.abs(one).max() for one in seen) <= 1.0, "cropped"
    filled = [np.ptp(one, axis=0).max() / 2 for one in seen]
    assert min(filled) >= 0.65 and np.median(filled) >= 0.8, (min(filled), np.median(filled))
