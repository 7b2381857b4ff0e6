"""Cameras that cut the subject off by how near or far they see. No Blender."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.link.geometry import Bounds

from .plan import Pose
from .plan_warnings import CAMERAS, PlanWarning, list_names, select


def check_clipping(poses: list[Pose], clips: Mapping[str, tuple[float, float]], bounds: Bounds) -> list[PlanWarning]:
    """A warning of views from ``poses`` whose cameras, of which ``clips`` has Clip Start and End in metres, don't show
    all of ``bounds`` for that."""
    cut: dict[str, tuple[float, float]] = {}  # cameras by name, with from where to where the bounds are
    for pose in poses:
        if pose.source not in clips:
            continue
        depths = (pose.camera_to_world[:3, 3] - bounds.corners) @ pose.camera_to_world[:3, 2]
        is_inside = (np.abs(pose.camera_to_world[:3, 3] - bounds.center) <= bounds.size / 2).all()
        near, far = depths.min(), depths.max()
        start, end = clips[pose.source]
        if far > end or (not is_inside and 0.0 < near < start):
            cut[pose.source] = near, far
    if not cut:
        return []
    name, (near, far) = max(cut.items(), key=lambda item: item[1][1])
    start, end = clips[name]
    words = "1 camera doesn't" if len(cut) == 1 else f"{len(cut)} cameras don't"
    words += (
        f" show all of the bounds ({list_names(list(cut))}): in {name} they are {max(near, 0.0):.3g} to {far:.3g} m "
    )
    words += f"away, and it shows {start:.3g} to {end:.3g} m. The rest is learnt as nothing: set Clip Start and End"
    return [PlanWarning(words, (select(sorted(cut), CAMERAS),))]
