"""What to warn of: settings under which a capture teaches less than it could, and bounds that cut the subject."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from engine.link.geometry import Bounds, Camera

# Above this share of a picture's subject outside the bounds, they cut it.
_CUT_SHARE = 0.02


class Findings:
    """What is found wrong with a capture, its views one by one as they come."""

    def __init__(self, scene: bpy.types.Scene, bounds: Bounds) -> None:
        self.told = _find_scene_warnings(scene)  # in words, of the capture as a whole
        self.is_subject_seen = False  # in any view
        self._bounds = bounds
        self._empty: list[str] = []
        self._cut: dict[str, float] = {}  # which share of what they show is outside the bounds

    def check_view(self, name: str, camera: Camera, color: np.ndarray, depth: np.ndarray | None) -> None:
        """Look at a view: ``color`` [H, W, 4], ``depth`` [H, W] planar z or None. From any thread."""
        if is_empty(color):
            self._empty.append(name)
            return
        self.is_subject_seen = True
        if depth is not None:
            outside = share_outside_bounds(camera, color[..., 3], depth, self._bounds)
            if outside > _CUT_SHARE:
                self._cut[name] = outside

    def in_words(self, total: int) -> list[str]:
        """A line for each kind of thing, of a capture of ``total`` views."""
        lines = list(self.told)
        if self._cut:
            worst = max(self._cut, key=lambda name: self._cut[name])
            lines.append(
                f"The bounds cut off part of the subject in {len(self._cut)} of {total} views, most in {worst} "
                f"({self._cut[worst]:.0%} of what it shows): enlarge them"
            )
        if self._empty:
            lines.append(f"{len(self._empty)} of {total} views show nothing: {list_names(self._empty)}")
        return lines


def _find_scene_warnings(scene: bpy.types.Scene) -> list[str]:
    """Words about settings of ``scene`` that a static, sharp field can't learn. They are left as they are."""
    warnings = []
    if scene.render.use_motion_blur:
        warnings.append("Motion blur is on: the field learns the blur as if it were there")
    blurred = sorted(obj.name for obj in scene.objects if obj.type == "CAMERA" and obj.data.dof.use_dof)
    if blurred and scene.hashlight.capture.rig in {"SCENE_CAMERAS", "ANIMATION"}:
        warnings.append(f"Depth of field is on in {', '.join(blurred)}: views that disagree in focus train badly")
    return warnings


def is_empty(color: np.ndarray) -> bool:
    """Whether a picture [H, W, 4] shows nothing at all."""
    return not (color[..., 3] > 0).any()


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


def list_names(names: Sequence[str]) -> str:
    """The first few of ``names``, and how many more there are."""
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
