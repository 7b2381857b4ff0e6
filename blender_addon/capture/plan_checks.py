"""What may be wrong with planned cameras, found by casting rays before anything is rendered."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector

from .. import roles
from .bounds import fit_bounds, read_bounds
from .errors import CaptureError
from .plan import Pose, planned_poses

_LOOKS = 5  # rays across and down each picture
_CUT = 0.02  # of the box's size may stick out before that is told
_AXES = [Vector(axis) for axis in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))]


def find_plan_warnings(context: bpy.types.Context) -> list[str]:
    """Words about the context's scene: planned cameras that stand inside a mesh or see nothing, bounds that cut the
    subject. Only meshes as the viewport shows them are known. Raises CaptureError when the plan can't be read.
    """
    scene, depsgraph = context.scene, context.evaluated_depsgraph_get()
    inside, blind = [], []
    for pose in planned_poses(scene, depsgraph):
        if _stands_inside(scene, depsgraph, pose):
            inside.append(pose.name)
        elif not _sees_anything(scene, depsgraph, pose):
            blind.append(pose.name)
    warnings = []
    if inside:
        warnings.append(f"Inside a mesh: {_list(inside)}")
    if blind:
        warnings.append(f"Seeing nothing: {_list(blind)}")
    try:
        bounds = read_bounds(scene, depsgraph)
        everything = fit_bounds(scene, context.view_layer, depsgraph)
    except CaptureError:
        return warnings
    slack = _CUT * bounds.size
    if (everything.minimum < bounds.minimum - slack).any() or (everything.maximum > bounds.maximum + slack).any():
        warnings.append("Parts of the scene lie outside the bounds")
    return warnings


def _stands_inside(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph, pose: Pose) -> bool:
    """Whether whatever way one looks from there, most faces are seen from behind."""
    position = Vector(pose.camera_to_world[:3, 3])
    from_behind = 0
    for axis in _AXES:
        hit, _, normal, _, obj, _ = scene.ray_cast(depsgraph, position, axis)
        from_behind += bool(hit and roles.role_of(obj) is None and normal.dot(axis) > 0.0)
    return from_behind > len(_AXES) // 2


def _sees_anything(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph, pose: Pose) -> bool:
    position, axes = Vector(pose.camera_to_world[:3, 3]), pose.camera_to_world[:3, :3]
    across = np.linspace(-0.9, 0.9, _LOOKS)
    # From the middle outwards: most cameras see something at once.
    for x, y in sorted(((x, y) for x in across for y in across), key=lambda at: at[0] ** 2 + at[1] ** 2):
        direction = Vector(axes @ (x * pose.slopes[0], y * pose.slopes[1], -1.0)).normalized()
        hit, _, _, _, obj, _ = scene.ray_cast(depsgraph, position, direction)
        if hit and roles.role_of(obj) is None:
            return True
    return False


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
