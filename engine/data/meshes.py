"""Meshes from files: OBJ, PLY, GLB, glTF and STL, as triangles in Blender's world."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.data.dataset import DatasetError, first_line
from engine.link.geometry import Bounds
from engine.link.wording import counted

if TYPE_CHECKING:
    import trimesh

SUFFIXES = (".obj", ".ply", ".glb", ".gltf", ".stl")
# Formats whose Y points up: as Blender imports them, that is its Z.
Y_UP = frozenset({".obj", ".glb", ".gltf"})
_MOST_TRIANGLES = 1 << 27
# A mesh is taken for one without area below this share of the squared diagonal of its box.
_LEAST_AREA = 1e-12


class MeshError(DatasetError):
    """A mesh that can't be used; the message names the file, and what is wrong."""


@dataclasses.dataclass(frozen=True, eq=False)
class Mesh:
    """``vertices`` [n, 3] float64 in world space, ``faces`` [m, 3] int64, the vertices of triangles that run
    anticlockwise seen from outside. ``open_edges``: the share of edges that border on one triangle alone, 0 in a closed
    surface."""

    vertices: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int64]
    open_edges: float = 0.0

    @property
    def box(self) -> npt.NDArray[np.float64]:
        """The box around all triangles: [2, 3], minimum and maximum. A mesh may be flat."""
        used = self.vertices[np.unique(self.faces)]
        box: npt.NDArray[np.float64] = np.stack([used.min(axis=0), used.max(axis=0)])
        return box

    def bounds(self, margin: float) -> Bounds:
        """That box with room for ``margin`` times its longest edge on each side."""
        low, high = self.box
        room = margin * float((high - low).max())
        return Bounds(low - room, high + room)

    def equals(self, other: Mesh) -> bool:
        """Whether both have the same triangles."""
        return np.array_equal(self.faces, other.faces) and np.array_equal(self.vertices, other.vertices)


def load_mesh(path: Path) -> tuple[Mesh, list[str]]:
    """The triangles of all objects in ``path``, where the file's scene has them, and sentences for the user about what
    is left out or looks wrong. Raises MeshError."""
    import trimesh

    if path.suffix.lower() not in SUFFIXES:
        raise MeshError(f"{path}: a mesh is read from {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise MeshError(f"{path}: {'it is a folder' if path.is_dir() else 'there is no such file'}")
    try:
        scene = trimesh.load_scene(path, process=False, skip_materials=True)
        joined = scene.to_mesh()
    except Exception as error:  # whatever a parser makes of a damaged file
        words = f"{type(error).__name__}: {first_line(error)}"
        raise MeshError(f"{path}: damaged, or no {path.suffix[1:].upper()} file ({words})") from None
    warnings = [
        f"{path}: {name} holds lines or points, which have no surface: left out"
        for name, part in scene.geometry.items()
        if not isinstance(part, trimesh.Trimesh)
    ]
    vertices, faces = np.asarray(joined.vertices, np.float64), np.asarray(joined.faces, np.int64)
    _check(path, vertices, faces)
    if path.suffix.lower() in Y_UP:
        vertices = turn_up(vertices)
    mesh = Mesh(vertices, faces, _share_of_open_edges(vertices, faces))
    if mesh.open_edges > 0.0:
        warnings.append(
            f"{path}: {mesh.open_edges:.2%} of its edges border on one face alone: the surface has holes, through "
            "which inside and outside go over into each other"
        )
    return mesh, warnings


def turn_up(vertices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """``vertices`` [n, 3] of a space whose Y points up, in one whose Z does."""
    return np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1)


def turn_back(vertices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What ``turn_up`` was given."""
    return np.stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]], axis=1)


def _check(path: Path, vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.int64]) -> None:
    if not len(faces):
        raise MeshError(f"{path}: it has no faces")
    if len(faces) > _MOST_TRIANGLES:
        raise MeshError(f"{path}: {len(faces)} triangles, at most {_MOST_TRIANGLES}: simplify the mesh")
    for named in (faces.min(), faces.max()):
        if not 0 <= named < len(vertices):
            raise MeshError(f"{path}: a face names vertex {named}, but there are {len(vertices)}")
    wrong = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
    if len(wrong):
        words = counted(len(wrong), "vertex is", "vertices are")
        raise MeshError(f"{path}: {words} NaN or infinite, the first is number {wrong[0]}: repair the mesh")
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area = 0.5 * float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
    size = np.maximum(np.maximum(a, b), c).max(axis=0) - np.minimum(np.minimum(a, b), c).min(axis=0)
    if not area > _LEAST_AREA * float(size @ size):
        raise MeshError(f"{path}: its {counted(len(faces), 'face has', 'faces have')} no area")


def _share_of_open_edges(vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.int64]) -> float:
    """Vertices in the same place count as one: formats split them along seams."""
    # In the mesh's own box: far from the origin float32 doesn't tell neighbours apart.
    low = vertices[np.unique(faces)].min(axis=0)
    _, same = np.unique((vertices - low).astype(np.float32), axis=0, return_inverse=True)
    corners = same.reshape(-1)[faces]
    is_flat = (corners == np.roll(corners, 1, axis=1)).any(axis=1)
    corners = corners[~is_flat]
    ends = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
    _, counts = np.unique(ends[:, 0] * len(vertices) + ends[:, 1], return_counts=True)
    return float((counts == 1).mean()) if len(counts) else 1.0


def to_trimesh(mesh: Mesh, suffix: str) -> trimesh.Trimesh:
    """``mesh`` as a file with that suffix has it."""
    import trimesh

    vertices = turn_back(mesh.vertices) if suffix in Y_UP else mesh.vertices
    return trimesh.Trimesh(vertices, mesh.faces, process=False)
