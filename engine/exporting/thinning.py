"""Points thinned to an even cloud: one in each occupied cell of a grid whose cells are as large as the wanted number
makes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.link.arrays import Floats

_STEPS = 20  # halvings of what the cell's size may be
_MOST_CELLS = 1 << 20  # along an axis, so that three numbers go into one


def thin_evenly(points: Floats, count: int) -> npt.NDArray[np.int64]:
    """Indices [k] of those of ``points`` [n, 3] that stay, k as near to ``count`` as cells allow and not above it: of
    each occupied cell the one that is nearest to its middle; all where there are not more than ``count``."""
    if len(points) <= count:
        return np.arange(len(points))
    low = points.min(axis=0)
    extent = float((points.max(axis=0) - low).max())
    if extent <= 0.0:
        return np.arange(1)
    least, most = extent / _MOST_CELLS * 1.01, extent * 1.01
    for _ in range(_STEPS):
        middle = float(np.sqrt(least * most))
        if len(np.unique(_cells(points, low, middle)[1])) > count:
            least = middle
        else:
            most = middle
    places, cells = _cells(points, low, most)
    off_middle = np.square(places - np.floor(places) - 0.5).sum(axis=1)
    order = np.lexsort((off_middle, cells))
    _, first = np.unique(cells[order], return_index=True)
    return np.sort(order[first])


def _cells(points: Floats, low: Floats, size: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Places in units of cells [n, 3], and the cell's number of each [n]."""
    places = (points - low) / size
    x, y, z = np.floor(places).astype(np.int64).T
    return places, x + (y << 21) + (z << 42)
