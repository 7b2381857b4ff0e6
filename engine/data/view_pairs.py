"""Pairs of views that show much of the same from different places, by which datasets are checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.link.geometry import Camera

_SAME_SIDE = 0.25  # the cosine between where two cameras look
_ANGLE = np.radians(25.0)  # between two views, best: far enough to tell, and they still show the same


def look_alike(one: Camera, other: Camera) -> bool:
    """Whether two cameras look so much the same way that they see the same sides of things."""
    return bool(one.camera_to_world[:3, 2] @ other.camera_to_world[:3, 2] > _SAME_SIDE)


def choose_pairs(cameras: Sequence[Camera], most: int, others: Sequence[Camera] | None = None) -> list[tuple[int, int]]:
    """At most ``most`` of ``cameras``, spread evenly over them, each with another one that shows much of the same, from
    elsewhere or another way: their places in the list. With ``others``, that is one of these, by its place there."""
    chosen = np.unique(np.linspace(0, len(cameras) - 1, most).astype(int)).tolist()
    ones = np.array([cameras[at].camera_to_world for at in chosen])
    poses = np.array([camera.camera_to_world for camera in (cameras if others is None else others)])
    apart = np.linalg.norm(ones[:, None, :3, 3] - poses[:, :3, 3], axis=2)
    angles = np.arccos(np.clip(ones[:, :3, 2] @ poses[:, :3, 2].T, -1.0, 1.0))
    typical = float(np.median(apart))
    misfit = np.abs(angles / _ANGLE - 1.0) + (0.0 if typical <= 0.0 else 0.5 * np.abs(apart / typical - 1.0))
    if others is None:
        misfit[np.arange(len(chosen)), chosen] = np.inf
    return list(zip(chosen, misfit.argmin(axis=1).tolist(), strict=True))
