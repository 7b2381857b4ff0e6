"""Places along a line of straight pieces, evenly spaced. Pure maths, no Blender."""

from __future__ import annotations

import numpy as np


def chain_edges(points: np.ndarray, edges: np.ndarray) -> list[np.ndarray]:
    """The lines [n, 3] that ``edges`` [e, 2] make of ``points`` [p, 3], each a run of edges that begin where the one
    before ended. A closed line ends in its first point."""
    lines: list[list[int]] = []
    for start, end in edges.tolist():
        if lines and lines[-1][-1] == start:
            lines[-1].append(end)
        else:
            lines.append([start, end])
    return [points[line] for line in lines]


def along_lines(lines: list[np.ndarray], shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions [n, 3] on ``lines``, one after the other, and unit tangents [n, 3] there, at ``shares`` (0..1) [n] of
    their whole length. Raises ValueError when they have no length."""
    starts = np.concatenate([line[:-1] for line in lines]) if lines else np.zeros((0, 3))
    steps = np.concatenate([np.diff(line, axis=0) for line in lines]) if lines else np.zeros((0, 3))
    lengths = np.linalg.norm(steps, axis=1)
    starts, steps, lengths = starts[lengths > 0.0], steps[lengths > 0.0], lengths[lengths > 0.0]
    if len(lengths) == 0:
        raise ValueError("the curve has no length")
    ends = np.cumsum(lengths)
    reached = shares * ends[-1]
    piece = np.minimum(np.searchsorted(ends, reached, side="right"), len(ends) - 1)
    along = (reached - (ends - lengths)[piece]) / lengths[piece]
    return starts[piece] + along[:, None] * steps[piece], steps[piece] / lengths[piece][:, None]


def is_closed(lines: list[np.ndarray]) -> bool:
    """Whether ``lines`` are one, which ends where it begins."""
    return len(lines) == 1 and bool(np.allclose(lines[0][0], lines[0][-1]))


def shares(count: int, held_out: int, is_closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Where along a line (0..1) ``count`` training views stand evenly, from end to end or once around, and ``held_out``
    views, midway between two of those."""
    gaps = count if is_closed else count - 1
    training = np.arange(count) / gaps if gaps else np.array([0.5])
    between = np.floor((np.arange(held_out) + 0.5) / max(held_out, 1) * max(gaps, 1)) + 0.5
    return training, between / max(gaps, 1)
