"""Where in a box there is room to stand: a grid of cubes that surfaces are entered into. Pure maths, no Blender.

Arrays of cells are [x, y, z]; points are in world space.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

CELLS = 64_000  # of a grid, about
_LONGEST_ROW = 96  # cells
_NEIGHBOURS = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]
_SPACING = 0.7  # of a cell between points on a surface: no cell that it goes through is left out
_PART = 200_000  # triangles that are cut at a time
_MOST_CUTS = 40  # of a triangle in halves, one after another
_WALLED = 0.5  # of the directions must meet a surface somewhere, or there is no room at all
_LIKE_BEST = 0.8  # of what the best place has is walled enough to belong to a room


class Room(NamedTuple):
    """``is_place``: the cells that a camera can stand in, as a mask, each within reach of all others. ``clearance``:
    how many cells without a surface are around each."""

    is_place: np.ndarray
    clearance: int


class FreeSpace:
    """A grid over the box from ``low`` to ``high`` [3], and which of its cells ``triangles`` go through.

    ``triangles``: arrays [t, 3, 3] of corners in world space.
    """

    def __init__(self, triangles: Iterable[np.ndarray], low: np.ndarray, high: np.ndarray) -> None:
        size = np.maximum(high - low, 1e-6 * (high - low).max())
        self.cell = float(max((size.prod() / CELLS) ** (1 / 3), size.max() / _LONGEST_ROW))
        self.shape = tuple(int(count) for count in np.maximum(np.ceil(size / self.cell - 1e-6), 1))
        self.low = (low + high) / 2 - np.array(self.shape) * self.cell / 2
        self.is_solid = np.zeros(self.shape, bool)
        for points in self._points(triangles):
            self.is_solid.reshape(-1)[self._flat(points)] = True

    def _points(self, triangles: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Points [3, n] in the grid, so close to each other on ``triangles`` that they leave no cell out."""
        low, high = self.low, self.low + np.array(self.shape) * self.cell
        for group in triangles:
            for points in _points_on(group, low, high, _SPACING * self.cell):
                inside = [(points[k] >= low[k]) & (points[k] < high[k]) for k in range(3)]
                yield points[:, inside[0] & inside[1] & inside[2]]

    def _flat(self, points: np.ndarray) -> np.ndarray:
        """The flat indices [n] of the cells of ``points`` [3, n] in the grid."""
        cells = [((points[k] - self.low[k]) / self.cell).astype(np.int64) for k in range(3)]
        x, y, z = (np.clip(cell, 0, length - 1) for cell, length in zip(cells, self.shape, strict=True))
        return (x * self.shape[1] + y) * self.shape[2] + z

    def cells_of(self, points: np.ndarray) -> np.ndarray:
        """The cells [..., 3] of ``points`` [..., 3], which may lie outside the grid."""
        return np.floor((points - self.low) / self.cell).astype(np.int64)

    def is_in_grid(self, cells: np.ndarray) -> np.ndarray:
        """Which of ``cells`` [..., 3] the grid has."""
        return ((cells >= 0) & (cells < self.shape)).all(axis=-1)

    def middles(self, cells: np.ndarray) -> np.ndarray:
        """The middles [..., 3] of ``cells`` [..., 3]."""
        return self.low + (cells + 0.5) * self.cell

    def share_walled(self) -> np.ndarray:
        """In which share (0..1) of the 26 directions to its neighbours each cell has a surface, however far."""
        count = np.zeros(self.shape, np.int16)
        for step in _NEIGHBOURS:
            reached, distance = _shifted(self.is_solid, step, 1), 1
            while distance < max(self.shape):
                reached = reached | _shifted(reached, step, distance)
                distance *= 2
            count += reached
        return count / len(_NEIGHBOURS)

    def clearance(self, most: int) -> np.ndarray:
        """How many cells in all directions around each hold no surface and lie in the grid, up to ``most``; -1 in a
        surface."""
        # What is beyond the grid is as good as solid: a camera stays within it.
        near = np.pad(self.is_solid, 1, constant_values=True)
        result = np.where(near, -1, most)
        for distance in range(most):
            grown = _grown(near)
            result[grown & ~near] = distance
            near = grown
        return result[1:-1, 1:-1, 1:-1]

    def find_room(
        self, clearance: int, eye: np.ndarray | None = None, within: tuple[np.ndarray, np.ndarray] | None = None
    ) -> Room | None:
        """Where a camera can stand in a room, ``clearance`` cells or more from all surfaces if there is such a place;
        None where nothing is walled in.

        ``eye`` [3]: a point in the room that is meant; else, or if it is in none, the largest. ``within``: the lowest
        and highest [3] that a camera may be at.
        """
        share = self.share_walled()
        best = share[~self.is_solid].max(initial=0.0)
        if eye is not None and self.is_in_grid(cell := self.cells_of(eye)):
            at_eye = share[tuple(cell)]
            best = at_eye if at_eye >= _WALLED else best
        if best < _WALLED:
            return None
        space = self.clearance(clearance)
        if within is not None:
            space[~self._is_within(*within)] = -1
        for least in range(clearance, -1, -1):
            mask = (space >= least) & (share >= _LIKE_BEST * best)
            if mask.any():
                return Room(_one_of(_label(mask), mask, None if eye is None else self.cells_of(eye), least + 2), least)
        return None

    def _is_within(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        middles = self.middles(np.moveaxis(np.indices(self.shape), 0, -1))
        return ((middles >= low) & (middles <= high)).all(axis=-1)

    def box_around(self, room: Room, triangles: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The corners [3] and [3] of the box of the surfaces around ``room``. ``triangles``: those that the grid is
        of."""
        reached = room.is_place
        for _ in range(room.clearance + 1):
            reached = _grown(reached)
        is_wall = (reached & self.is_solid).reshape(-1)
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        for points in self._points(triangles):
            if (chosen := points[:, is_wall[self._flat(points)]]).size:
                low, high = np.minimum(low, chosen.min(axis=1)), np.maximum(high, chosen.max(axis=1))
        return low, high

    def look(self, positions: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """The flat index of the cell [p, r] that rays of directions ``rays`` [r, 3] meet first from each of
        ``positions`` [p, 3], -1 where they leave the grid."""
        origins = np.repeat(positions, len(rays), axis=0)
        directions = np.tile(rays, (len(positions), 1))
        result = np.full(len(origins), -1, np.int64)
        alive = np.arange(len(origins))
        solid = self.is_solid.reshape(-1)
        steps = int(2 * np.linalg.norm(self.shape)) + 2
        for step in range(1, steps):
            cells = self.cells_of(origins[alive] + directions[alive] * (step * self.cell / 2))
            is_in = self.is_in_grid(cells)
            alive, cells = alive[is_in], cells[is_in]
            index = np.ravel_multi_index(tuple(cells.T), self.shape)
            is_hit = solid[index]
            result[alive[is_hit]] = index[is_hit]
            alive = alive[~is_hit]
            if len(alive) == 0:
                break
        return result.reshape(len(positions), len(rays))


def _one_of(labels: np.ndarray, mask: np.ndarray, eye: np.ndarray | None, reach: int) -> np.ndarray:
    """The cells with the label of the one nearest to the cell ``eye``, if that is within ``reach``; else those with the
    label that most have."""
    if eye is not None:
        cells = np.argwhere(mask)
        offset = np.abs(cells - eye).max(axis=1)
        if offset.min() <= reach:
            return labels == labels[tuple(cells[offset.argmin()])]
    return labels == np.bincount(labels[mask]).argmax()


def _label(mask: np.ndarray) -> np.ndarray:
    """A number above 0 for each cell of ``mask``, the same for those connected through their faces; 0 elsewhere."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        before = labels
        for axis in range(3):
            # Along a row at once: the largest number spreads over each unbroken piece of it, both ways.
            labels = _spread_along(labels, mask, axis)
        if (labels == before).all():
            return labels


def _spread_along(labels: np.ndarray, mask: np.ndarray, axis: int) -> np.ndarray:
    rows, is_in = np.moveaxis(labels, axis, 0).copy(), np.moveaxis(mask, axis, 0)
    for order in (range(1, len(rows)), range(len(rows) - 2, -1, -1)):
        for index in order:
            former = rows[index - 1] if order.step > 0 else rows[index + 1]
            rows[index] = np.where(is_in[index], np.maximum(rows[index], former), 0)
    return np.moveaxis(rows, 0, axis)


def _grown(mask: np.ndarray) -> np.ndarray:
    """``mask`` and all cells beside it, over edges and corners too."""
    for axis in range(3):
        step = [0, 0, 0]
        step[axis] = 1
        mask = mask | _shifted(mask, step, 1) | _shifted(mask, step, -1)
    return mask


def _shifted(mask: np.ndarray, step: Sequence[int], distance: int) -> np.ndarray:
    """What ``mask`` has ``distance`` steps farther on, at each cell; False beyond the grid."""
    result = np.zeros_like(mask)
    to, source = [], []
    for length, along in zip(mask.shape, step, strict=True):
        offset = along * distance
        if abs(offset) >= length:
            return result
        to.append(slice(max(-offset, 0), length - max(offset, 0)))
        source.append(slice(max(offset, 0), length - max(-offset, 0)))
    result[tuple(to)] = mask[tuple(source)]
    return result


def _points_on(triangles: np.ndarray, low: np.ndarray, high: np.ndarray, spacing: float) -> Iterator[np.ndarray]:
    """Points [3, n] on ``triangles`` [t, 3, 3], at most ``spacing`` apart, as far as they lie in the box."""
    for first in range(0, len(triangles), _PART):
        # By corner and axis, each in a row of its own, which numpy adds and compares many times as fast.
        part = np.ascontiguousarray(triangles[first : first + _PART].transpose(1, 2, 0), dtype=np.float32)
        for _ in range(_MOST_CUTS):
            is_near = [(part[:, k].max(axis=0) >= low[k]) & (part[:, k].min(axis=0) <= high[k]) for k in range(3)]
            part = part[..., is_near[0] & is_near[1] & is_near[2]]
            edges = ((part - part[[1, 2, 0]]) ** 2).sum(axis=1)
            is_long = edges.max(axis=0, initial=0.0) > spacing**2
            yield part[..., ~is_long].transpose(1, 0, 2).reshape(3, -1)
            part, longest = part[..., is_long], edges[:, is_long].argmax(axis=0)
            if part.shape[-1] == 0:
                break
            # Cut the longest edge, from ``start`` to ``end``, in the middle.
            rows = np.arange(part.shape[-1])
            start, end, other = (part[(longest + k) % 3, :, rows].T for k in range(3))
            middle = (start + end) / 2
            part = np.concatenate((np.stack((start, middle, other)), np.stack((middle, end, other))), axis=-1)
