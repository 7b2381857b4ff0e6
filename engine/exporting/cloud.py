"""A cloud of points while views are written one after the other: where each view sees which, and in what colour."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from engine.data.views import View
from engine.exporting.depth_sampling import agrees, points_in_picture
from engine.exporting.points import AGREEMENT, Points


@dataclasses.dataclass(frozen=True, eq=False)
class Observations:
    """What a view sees of a cloud: ``points`` [m], their indices, and ``pixels`` [m, 2], where."""

    points: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Cloud:
    """Points of ``positions`` and ``normals`` [n, 3] float64, with ``colors`` [n, 3] uint8, as they are displayed; and
    what each view sees of them, in the views' order."""

    positions: npt.NDArray[np.float64]
    normals: npt.NDArray[np.float64]
    colors: npt.NDArray[np.uint8]
    observations: list[Observations]


class CloudBuilder:
    """Adds up what views show of points."""

    def __init__(self, points: Points) -> None:
        self._points = points
        self._sums = np.zeros((len(points.positions), 3))
        self._counts = np.zeros(len(points.positions))
        self._observations: list[Observations] = []

    def add(self, view: View, shown: npt.NDArray[np.uint8]) -> None:
        """A view whose colours are displayed as ``shown`` [H, W, 4]: it sees the points that lie at its captured depth.
        Held-out views give no colour."""
        if view.depth is None or not len(self._counts):
            self._observations.append(Observations(np.empty(0, np.int64), np.empty((0, 2))))
            return
        seen = points_in_picture(view.camera, self._points.positions)
        kept = agrees(view, seen, AGREEMENT)
        points, pixels = seen.indices[kept], seen.pixels[kept]
        self._observations.append(Observations(points, pixels))
        if view.split == "train":
            columns, rows = np.floor(pixels).astype(np.int64).T
            self._sums[points] += shown[rows, columns, :3]
            self._counts[points] += 1.0

    def finish(self) -> Cloud:
        """The cloud, when all views are there: each point in the mean of its colours. One that no training view sees at
        its depth, for rounding, has no place in it."""
        kept = self._counts > 0.0
        renumbered = np.cumsum(kept) - 1
        colors = np.round(self._sums[kept] / self._counts[kept, None]).astype(np.uint8)
        observations = [
            Observations(renumbered[each.points[kept[each.points]]], each.pixels[kept[each.points]])
            for each in self._observations
        ]
        return Cloud(self._points.positions[kept], self._points.normals[kept], colors, observations)
