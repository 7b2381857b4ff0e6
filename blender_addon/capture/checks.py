"""What to warn of: settings under which a capture teaches less than it could, and bounds that cut the subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import bpy
import numpy as np

from engine.link.geometry import Bounds, Camera


def find_scene_warnings(scene: bpy.types.Scene) -> list[str]:
    """Words about settings of ``scene`` that a static, sharp field can't learn. They are left as they are."""
    warnings = []
    if scene.render.use_motion_blur:
        warnings.append("Motion blur is on: the field learns the blur as if it were there")
    blurred = sorted(obj.name for obj in scene.objects if obj.type == "CAMERA" and obj.data.dof.use_dof)
    if blurred and scene.hashlight.capture.rig in {"SCENE_CAMERAS", "ANIMATION"}:
        warnings.append(f"Depth of field is on in {', '.join(blurred)}: views that disagree in focus train badly")
    return warnings


def share_outside_bounds(camera: Camera, alpha: np.ndarray, depth: np.ndarray, bounds: Bounds) -> float:
    """Which share (0..1) of the opaque pixels of a view shows a surface outside ``bounds``.

    ``alpha`` [H, W], ``depth`` [H, W] planar z.
    """
    rows, columns = np.nonzero((alpha > 0.5) & np.isfinite(depth))
    if len(rows) == 0:
        return 0.0
    z = depth[rows, columns].astype(np.float64)
    local = np.stack(
        ((columns + 0.5 - camera.cx) / camera.fx * z, -(rows + 0.5 - camera.cy) / camera.fy * z, -z), axis=1
    )
    world = local @ camera.camera_to_world[:3, :3].T + camera.position
    slack = 1e-3 * bounds.size
    inside = ((world >= bounds.minimum - slack) & (world <= bounds.maximum + slack)).all(axis=1)
    return float(1.0 - inside.mean())


def sum_up_views(empty: list[str], cut: Mapping[str, float], total: int) -> list[str]:
    """A line about views that show nothing, and one about those of which the bounds cut off the given share (0..1);
    none where there are no such views. ``total``: views of the capture."""
    lines = []
    if cut:
        worst = max(cut, key=lambda name: cut[name])
        lines.append(
            f"The bounds cut off part of the subject in {len(cut)} of {total} views, most in {worst} "
            f"({cut[worst]:.0%} of what it shows): enlarge them"
        )
    if empty:
        lines.append(f"{len(empty)} of {total} views show nothing: {list_names(empty)}")
    return lines


def list_names(names: Sequence[str]) -> str:
    """The first few of ``names``, and how many more there are."""
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
