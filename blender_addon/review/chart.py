"""Small line charts as pixels, for panels can't draw lines. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Color = tuple[float, float, float]

_BACKGROUND = (0.11, 0.11, 0.11, 1.0)
_GRID = (0.2, 0.2, 0.2, 1.0)
_MARGIN = 0.06  # of a side, free around the line
_LINE = 0.02  # of a side, half a line's width
_LEAST_SPAN = 0.05  # of the largest value


def draw_chart(points: Sequence[tuple[float, float]], color: Color, size: int = 256) -> np.ndarray:
    """``points`` (x, y), x ascending, as a line that fills a square: [size, size, 4] float32, straight alpha, last row
    first as Blender has it. Both axes span the points, the upright one at least a part of its values, so that hardly
    any change isn't drawn as a fall from top to bottom; without two points there is only the ground."""
    picture = np.empty((size, size, 4), np.float32)
    picture[:] = _BACKGROUND
    for share in (0.25, 0.5, 0.75):
        picture[round(share * size), :] = _GRID
        picture[:, round(share * size)] = _GRID
    if len(points) < 2:
        return picture
    x, y = np.array(points, np.float64).T
    columns = (np.arange(size) + 0.5) / size
    at = _to_unit(x)
    # The height of the line in each column, and how far it runs there: a steep line is a tall stroke, not dots.
    half = 0.5 / size
    inside = (columns >= at[0] - half) & (columns <= at[-1] + half)
    unit = _to_unit(y, _LEAST_SPAN * np.abs(y).max())
    edges = [np.interp(np.clip(columns + shift, at[0], at[-1]), at, unit) for shift in (-half, half)]
    low, high = np.minimum(*edges), np.maximum(*edges)
    rows = columns[:, None]
    distance = np.maximum(np.maximum(low - rows, rows - high), 0.0)
    coverage = np.clip((_LINE - distance) * size + 0.5, 0.0, 1.0) * inside
    picture[..., :3] += coverage[..., None].astype(np.float32) * (np.array(color, np.float32) - picture[..., :3])
    return picture


def _to_unit(values: np.ndarray, least_span: float = 0.0) -> np.ndarray:
    middle = (values.min() + values.max()) / 2
    span = max(values.max() - values.min(), least_span)
    share = (values - middle) / span + 0.5 if span > 0 else np.full_like(values, 0.5)
    return _MARGIN + share * (1 - 2 * _MARGIN)
