"""A surface that is known by its signed distances, as a mesh: marching cubes (Lewiner et al. 2003), slab by slab, so
that a fine grid never has to be in memory as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.data.meshes import Mesh, to_trimesh
from engine.link.disk import set_aside
from engine.link.geometry import Bounds
from engine.link.part_files import written_atomically

SUFFIXES = (".ply", ".glb", ".obj", ".stl")
DEFAULT_CELLS, MOST_CELLS = 256, 4096
# Distances that are in memory at a time, unless two planes have more.
_SLAB_POINTS = 1 << 22
# Vertices on the plane between two slabs are the same to so much of a cell.
_SAME = 1e-3

Progress = Callable[[int, int], None]  # (planes done, of how many)


class MeshExportError(ValueError):
    """There is no mesh to be had; the message says why and what to do."""


class DistanceSource(Protocol):
    """What is exported: a SphereTracer, for one, also of a surface that is moved or joined with another."""

    @property
    def bounds(self) -> Bounds:
        """The box that holds the surface."""

    def distances_at(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Signed distances [n], negative inside, at ``points`` [n, 3] in world space."""


def extract_surface(
    source: DistanceSource, cells: int = DEFAULT_CELLS, progress: Progress = lambda done, of: None
) -> tuple[Mesh, bool]:
    """Its surface with ``cells`` along the longest edge of its bounds, closed where it reaches these, and whether it
    does. Raises MeshExportError when there is none, and ValueError for a number of cells out of 2 to 4096."""
    from skimage.measure import marching_cubes

    if not 2 <= cells <= MOST_CELLS:
        raise ValueError(f"cells: {cells} is not within 2 to {MOST_CELLS}")
    low, size = source.bounds.minimum, source.bounds.size
    step = float(size.max()) / cells
    counts = [max(math.ceil(edge / step - 1e-9), 2) + 1 for edge in size.tolist()]
    across = np.stack(np.meshgrid(*(np.arange(count) for count in counts[1:]), indexing="ij"), axis=-1).reshape(-1, 2)
    planes = max(_SLAB_POINTS // len(across), 2)
    vertices, faces, known = list[npt.NDArray[np.float64]](), list[npt.NDArray[np.int64]](), 0
    slab, is_cut = np.empty((0, counts[1], counts[2]), np.float32), False
    for first in range(0, counts[0], planes):
        last = min(first + planes, counts[0])
        fresh = _look_up(source, low, step, across, np.arange(first, last)).reshape(-1, counts[1], counts[2])
        is_cut |= _close(fresh, first == 0, last == counts[0], step)
        slab = np.concatenate([slab[-1:], fresh])
        if len(slab) > 1 and slab.min() < 0.0 <= slab.max():
            found, corners, _, _ = marching_cubes(slab, 0.0, gradient_direction="descent", allow_degenerate=False)
            found = found.astype(np.float64)
            found[:, 0] += last - len(slab)
            vertices.append(found)
            faces.append(corners.astype(np.int64) + known)
            known += len(found)
        progress(last, counts[0])
    if not known:
        raise MeshExportError("there is no surface inside the bounds: train for longer, or take back the offset")
    joined, triangles = _join_seams(np.concatenate(vertices), np.concatenate(faces), planes)
    return Mesh(low + step * joined, triangles), is_cut


def write_mesh(mesh: Mesh, path: Path, overwrite: bool = False) -> None:
    """Write ``mesh`` to a PLY, GLB, OBJ or STL file, by its name, whole or not at all. ``overwrite``: what is there is
    set aside (``engine.link.disk.set_aside``) once that is written. Raises MeshExportError."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise MeshExportError(f"{path}: a mesh is written as {', '.join(SUFFIXES)}")
    try:
        with written_atomically(path) as temporary:
            with temporary.open("wb") as file:
                to_trimesh(mesh, suffix).export(file, file_type=suffix[1:])
            if overwrite and path.exists():
                set_aside(path)
    except OSError as error:
        raise MeshExportError(f"{path}: can't be written: {error.strerror or error}") from error


def _look_up(
    source: DistanceSource,
    low: npt.NDArray[np.float64],
    step: float,
    across: npt.NDArray[np.int64],
    planes: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    places = [np.repeat(planes, len(across))[:, None], np.tile(across, (len(planes), 1))]
    return source.distances_at(low + step * np.concatenate(places, axis=1))


def _close(planes: npt.NDArray[np.float32], is_first: bool, is_last: bool, step: float) -> bool:
    """Have nothing be inside at the borders of the box. Whether anything was."""
    borders = [planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1]]
    borders += [planes[0]] * is_first + [planes[-1]] * is_last
    is_cut = any(bool((border < 0.0).any()) for border in borders)
    for border in borders:
        np.maximum(border, np.float32(_SAME * step), out=border)
    return is_cut


def _join_seams(
    vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.int64], planes: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Make one vertex of those that two slabs have in the same place, on the last plane of the first."""
    plane = np.round(vertices[:, 0])
    is_seam = (np.abs(vertices[:, 0] - plane) < _SAME) & ((plane + 1) % planes == 0)
    seam = np.flatnonzero(is_seam)
    _, first, same = np.unique(np.round(vertices[seam] / _SAME), axis=0, return_index=True, return_inverse=True)
    stands_for = np.arange(len(vertices))
    stands_for[seam] = seam[first][same.reshape(-1)]
    kept, renamed = np.unique(stands_for, return_inverse=True)
    triangles = renamed.reshape(-1)[faces]
    is_flat = (triangles == np.roll(triangles, 1, axis=1)).any(axis=1)
    return vertices[kept], triangles[~is_flat]
