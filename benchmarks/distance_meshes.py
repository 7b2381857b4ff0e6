"""Meshes to measure signed distances with, made by script: fine detail, thin walls, sharp edges, and surfaces that go
through themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from engine.data.meshes import Mesh

Points = npt.NDArray[np.float64]


def _grid_faces(rows: int, columns: int) -> npt.NDArray[np.int64]:
    """Two triangles a cell of a grid of vertices that is closed along both axes."""
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    below, right = (row + 1) % rows, (column + 1) % columns
    a, b, c, d = row * columns + column, below * columns + column, below * columns + right, row * columns + right
    return np.concatenate([np.stack(corners, axis=-1).reshape(-1, 3) for corners in ((a, b, c), (a, c, d))])


def _closed(vertices: Points) -> Mesh:
    """Of ``vertices`` [rows, columns, 3], closed along both axes, facing outwards."""
    rows, columns, _ = vertices.shape
    flat, faces = vertices.reshape(-1, 3), _grid_faces(rows, columns)
    a, b, c = (flat[faces[:, k]] for k in range(3))
    if (a * np.cross(b, c)).sum() < 0.0:
        faces = faces[:, ::-1]
    return Mesh(flat, faces)


def _joined(parts: list[Mesh]) -> Mesh:
    starts = np.cumsum([0, *[len(part.vertices) for part in parts[:-1]]])
    faces = [part.faces + start for part, start in zip(parts, starts, strict=True)]
    return Mesh(np.concatenate([part.vertices for part in parts]), np.concatenate(faces))


def make_coral(rows: int = 1024, columns: int = 640) -> Mesh:
    """Fine detail: a thick ring whose surface has bumps of five sizes; over a million triangles."""
    u, v = np.meshgrid(np.arange(rows) / rows, np.arange(columns) / columns, indexing="ij")
    radius = np.full_like(u, 0.34)
    for octave in range(5):
        waves, height = 2**octave, 0.035 * 0.62**octave
        radius += (
            height
            * np.sin(2 * np.pi * (5 * waves * u + waves * v + 0.1 * octave))
            * np.sin(2 * np.pi * (3 * waves * v - 2 * waves * u))
        )
    ring = 1.0 + radius * np.cos(2 * np.pi * v)
    angle = 2 * np.pi * u
    return _closed(np.stack([ring * np.cos(angle), ring * np.sin(angle), radius * np.sin(2 * np.pi * v)], axis=-1))


def make_vase(rows: int = 256, columns: int = 256) -> Mesh:
    """Thin walls: a fluted vase of revolution, 1.2 % of its height thick, open at the top."""
    half = columns // 2
    height = np.linspace(0.0, 1.0, half)
    outline = 0.22 + 0.12 * np.sin(2.6 * height + 0.4) ** 2 - 0.06 * height
    inner = np.stack([outline - 0.012, np.maximum(height, 0.014)], axis=1)
    inner[0, 0] = outline[0] - 0.012
    profile = np.concatenate([np.stack([outline, height], axis=1), inner[::-1]])
    # The floor: from the axis outwards below, and back inwards above it.
    profile = np.concatenate([[[1e-4, 0.0]], profile, [[1e-4, 0.014]]])
    angle = 2 * np.pi * np.arange(rows) / rows
    flutes = 1.0 + 0.02 * np.cos(24 * angle)[:, None]
    around = profile[None, :, 0] * flutes
    points = [around * np.cos(angle)[:, None], around * np.sin(angle)[:, None]]
    return _closed(np.stack([*points, np.broadcast_to(profile[None, :, 1], around.shape)], axis=-1))


def make_gear(teeth: int = 24) -> Mesh:
    """Sharp edges: a gear with a square hole through its hub, of few and long triangles."""
    angle = 2 * np.pi * np.arange(4 * teeth) / (4 * teeth)
    outer = np.where(np.arange(4 * teeth) % 4 < 2, 1.0, 0.82)
    hole = 0.3 / np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle)))
    rings = [(outer, -0.18), (outer, 0.18), (hole, 0.18), (hole, -0.18)]
    columns = [
        np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full_like(angle, z)], axis=-1)
        for radius, z in rings
    ]
    return _closed(np.stack(columns, axis=1))


def make_lattice(count: int = 5, thickness: float = 0.03) -> Mesh:
    """Thin struts that go through each other: square bars along all three axes."""
    places = np.linspace(0.1, 0.9, count)
    bars = []
    for axis in range(3):
        for first in places:
            for second in places:
                low, high = np.zeros(3), np.ones(3)
                low[(axis + 1) % 3], high[(axis + 1) % 3] = first - thickness / 2, first + thickness / 2
                low[(axis + 2) % 3], high[(axis + 2) % 3] = second - thickness / 2, second + thickness / 2
                bars.append(_box(low, high))
    return _joined(bars)


def _box(low: Points, high: Points) -> Mesh:
    bits = np.arange(8)[:, None] >> np.arange(3) & 1
    squares = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    faces = [face for a, b, c, d in squares for face in ((a, b, c), (a, c, d))]
    return Mesh(np.where(bits == 1, high, low), np.array(faces))


MESHES: Mapping[str, Callable[[], Mesh]] = {
    "coral": make_coral,
    "vase": make_vase,
    "gear": make_gear,
    "lattice": make_lattice,
}
