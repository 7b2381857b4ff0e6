"""Points on what views show, by their captured depth: spread evenly, with normals, and only where no view contradicts.

Held-out views put no point anywhere and remove none: who trains on the points must not have seen these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.data.views import View
from engine.exporting.depth_sampling import nearest_around, points_in_picture, sees_through
from engine.exporting.exporters import ExportError, StageProgress
from engine.exporting.thinning import thin_evenly
from engine.link.projection import pixel_directions
from engine.machine import free_memory

# A point lies at a view's captured depth to this part of it; that is what puts the view into its track.
AGREEMENT = 0.001
# A view sees through a point if everything within a pixel of it is farther away, by more than this part of its depth.
SEEN_THROUGH = 0.01
_CANDIDATES = 6  # for each wanted point: most cells of the grid then hold one
_COVERED = 0.5  # of full alpha: what a pixel mostly shows
_JUMP = 0.2  # of the depth, between neighbours: no surface that has a normal there

_BYTES = 300  # of memory, for each candidate
_FULL = {"linear": 1.0, "srgb": 255.0}


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """``positions`` [n, 3] float64 in world space, metres, and ``normals`` [n, 3] float64 of length 1, that point to
    where they were seen from."""

    positions: npt.NDArray[np.float64]
    normals: npt.NDArray[np.float64]

    def chosen(self, which: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Points:
        """Those of them."""
        return Points(self.positions[which], self.normals[which])


def find_points(views: Sequence[View], count: int, tell: StageProgress) -> Points:
    """At most ``count`` points on what the training views among ``views`` show, nearly as many where there are enough
    pixels; none without depth. Raises ExportError where they don't fit into memory."""
    known = [view for view in views if view.split == "train" and view.depth is not None]
    if not known or count < 1:
        return Points(np.empty((0, 3)), np.empty((0, 3)))
    wanted = -(-_CANDIDATES * count // len(known))
    _require_memory(count, sum(min(wanted, view.color[..., 0].size) for view in known))
    parts = []
    for number, view in enumerate(known, 1):
        parts.append(_candidates(view, wanted, np.random.default_rng(number)))
        tell("Finding points in", number, len(known))
    points = Points(
        np.concatenate([part.positions for part in parts]), np.concatenate([part.normals for part in parts])
    )
    for number, view in enumerate(known, 1):
        seen = points_in_picture(view.camera, points.positions)
        kept = np.ones(len(points.positions), bool)
        kept[seen.indices[sees_through(nearest_around(view), seen, SEEN_THROUGH)]] = False
        points = points.chosen(kept)
        tell("Comparing", number, len(known))
    return points.chosen(thin_evenly(points.positions, count))


def _require_memory(count: int, candidates: int) -> None:
    needed, free = candidates * _BYTES, free_memory("cpu")
    if free is not None and needed > free:
        raise ExportError(
            f"{count} points: choosing them needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free: ask for "
            f"{int(0.8 * free / needed * count)} at most"
        )


def _candidates(view: View, wanted: int, random: np.random.Generator) -> Points:
    """Points of ``wanted`` pixels of a view that show a surface, or of all if there are fewer."""
    assert view.depth is not None
    usable = np.isfinite(view.depth) & (view.depth > 0.0)
    usable &= view.color[..., 3] > _COVERED * _FULL[view.color_space]
    rows, columns = np.nonzero(usable)
    if len(rows) > wanted:
        chosen = np.sort(random.choice(len(rows), wanted, replace=False))
        rows, columns = rows[chosen], columns[chosen]
    places = _place(view, rows, columns)
    across = _along(view, rows, columns, places, (0, 1))
    down = _along(view, rows, columns, places, (1, 0))
    normals = np.cross(down, across)
    lengths = np.linalg.norm(normals, axis=1)
    has_normal = np.isfinite(lengths) & (lengths > 0.0)
    places, normals = places[has_normal], normals[has_normal] / lengths[has_normal, None]
    normals *= np.where((normals * places).sum(axis=1) > 0.0, -1.0, 1.0)[:, None]  # towards the camera
    axes = view.camera.camera_to_world[:3, :3]
    turned = normals @ np.linalg.inv(axes)  # as normals turn, also where axes are scaled
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    return Points(view.camera.position + places @ axes.T, turned)


def _place(view: View, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """What pixels show, [n, 3] in camera space; not finite where that isn't known, or outside the picture."""
    assert view.depth is not None
    height, width = view.depth.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    depth = view.depth[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)].astype(np.float64)
    depth = np.where(inside & np.isfinite(depth) & (depth > 0.0), depth, np.nan)
    return pixel_directions(view.camera, columns + 0.5, rows + 0.5) * depth[:, None]


def _along(
    view: View,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    places: npt.NDArray[np.float64],
    step: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """How the surface goes on from pixel to pixel in the direction ``step`` (rows, columns), [n, 3]: to the neighbour
    whose depth is nearer; NaN where neither is on the same surface."""
    ahead = _place(view, rows + step[0], columns + step[1]) - places
    behind = places - _place(view, rows - step[0], columns - step[1])
    jumps = np.stack([np.abs(ahead[:, 2]), np.abs(behind[:, 2])])
    jumps = np.where(np.isnan(jumps), np.inf, jumps)
    nearer = np.where((jumps[0] <= jumps[1])[:, None], ahead, behind)
    return np.where((jumps.min(axis=0) <= _JUMP * -places[:, 2])[:, None], nearer, np.nan)
