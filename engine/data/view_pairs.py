"""Pairs of views that show much of the same from different places, by which datasets are checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.link.geometry import Camera

_ANGLE = np.radians(25.0)  # between two views, best: far enough to tell, and they still show the same


def choose_pairs(cameras: Sequence[Camera], most: int) -> list[tuple[int, int]]:
    """At most ``most`` of ``cameras``, spread evenly over them, each with another one that shows much of the same, from
    elsewhere or another way: their places in the list."""
    chosen = np.unique(np.linspace(0, len(cameras) - 1, most).astype(int)).tolist()
    poses = np.array([camera.camera_to_world for camera in cameras])
    apart = np.linalg.norm(poses[chosen, None, :3, 3] - poses[:, :3, 3], axis=2)
    angles = np.arccos(np.clip(poses[chosen, :3, 2] @ poses[:, :3, 2].T, -1.0, 1.0))
    typical = float(np.median(apart))
    misfit = np.abs(angles / _ANGLE - 1.0) + (0.0 if typical <= 0.0 else 0.5 * np.abs(apart / typical - 1.0))
    misfit[np.arange(len(chosen)), chosen] = np.inf
    return list(zip(chosen, misfit.argmin(axis=1).tolist(), strict=True))
