"""Pictures that crop the subject, or show it small: along a curve, where cameras can't come nearer, and where the scene
has changed since cameras were framed. No Blender."""

from __future__ import annotations

import math

import numpy as np

from engine.link.framing import DEFAULT_MARGIN

from .plan import Pose
from .plan_warnings import PLAN, PlanWarning, fit_field_of_view, list_names

_SMALL = 0.5  # of a picture's width or height, in the view that it fills most
_CROPPED = 1.05  # of the way to the picture's edge: what is framed is known by its extreme points
_OWN = 0.1  # of the cameras may have been moved by hand, for a close-up
_WIDEST = math.radians(150.0)  # that the field of view can be


def check_lens(points: np.ndarray, poses: list[Pose]) -> list[PlanWarning]:
    """A warning if ``points`` [n, 3] of what is visible inside the bounds don't fit into pictures from ``poses``, or
    are small in all of them."""
    shares = np.array([_reach(points, pose) for pose in poses])
    if len(shares) == 0 or _SMALL <= shares.max() <= 1.0:
        return []
    wanted = 2.0 * math.atan(min(poses[0].slopes) * shares.max() * (1.0 + DEFAULT_MARGIN))
    cropped = [pose.name for pose, share in zip(poses, shares, strict=True) if share > 1.0]
    if not cropped:
        words = f"What is visible fills {shares.max():.0%} of a picture at most"
    else:
        words = f"What is visible is cropped in {len(cropped)} of {len(poses)} views: {list_names(cropped)}"
        if wanted > _WIDEST:
            return [PlanWarning(f"{words}. Move the curve away from it")]
    return [PlanWarning(f"{words}. Set Field of View to {math.degrees(wanted):.1f}°", (fit_field_of_view(wanted),))]


def check_framing(points: np.ndarray, poses: list[Pose], margin: float) -> list[PlanWarning]:
    """A warning if ``points`` [n, 3] of what is visible inside the bounds are no longer what cameras at ``poses`` were
    framed to, with this ``margin``."""
    if not poses:
        return []
    cropped = [pose.name for pose in poses if _reach(points, pose) > _CROPPED]
    if len(cropped) > _OWN * len(poses):
        words = f"What is visible is cropped in {len(cropped)} of {len(poses)} views: {list_names(cropped)}"
    else:
        filled = max(_filled(points, pose) for pose in poses if pose.name not in cropped)
        if filled >= _SMALL / (1.0 + margin):
            return []
        words = f"What is visible fills {filled:.0%} of a picture at most"
    return [PlanWarning(f"{words}. Plan the cameras again for what is there now", (PLAN,))]


def _filled(points: np.ndarray, pose: Pose) -> float:
    """Which share of the picture's width or height, whichever is more, ``points`` span, all of them before it."""
    local = (points - pose.camera_to_world[:3, 3]) @ pose.camera_to_world[:3, :3]
    return float((np.ptp(local[:, :2] / -local[:, 2:], axis=0) / pose.slopes).max() / 2.0)


def _reach(points: np.ndarray, pose: Pose) -> float:
    """How far ``points`` reach from the middle of the picture, as a share of its half width or height, whichever is
    more; infinite where some are not before the camera."""
    local = (points - pose.camera_to_world[:3, 3]) @ pose.camera_to_world[:3, :3]
    if (local[:, 2] >= 0.0).any():
        return math.inf
    return float((np.abs(local[:, :2]) / -local[:, 2:] / pose.slopes).max())
