"""Triangle meshes on the processor, and how they are bent, placed and joined."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import torch
from torch.nn.functional import normalize

# Across an edge between faces that differ by more than twice this angle shading doesn't run on.
_SHARP_COSINE = math.cos(math.radians(17.0))
# Twice the area of a face that is there by rounding alone.
_LEAST_AREA = 1e-7


@dataclasses.dataclass(frozen=True, eq=False)
class Mesh:
    """``vertices`` [v, 3] f32, ``faces`` [f, 3] int64, counter-clockwise as seen from outside. ``rest`` [v, 3] f32:
    where textures know the vertices to be, whatever the mesh has been through."""

    vertices: torch.Tensor
    faces: torch.Tensor
    rest: torch.Tensor

    @property
    def low(self) -> torch.Tensor:
        """The least coordinates, [3]."""
        return self.vertices.amin(dim=0)

    @property
    def high(self) -> torch.Tensor:
        """The greatest coordinates, [3]."""
        return self.vertices.amax(dim=0)

    @property
    def corners(self) -> torch.Tensor:
        """[f, 3, 3] f32."""
        return self.vertices[self.faces]

    def bend(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Mesh:
        """A mesh with the vertices where ``function`` takes them."""
        return dataclasses.replace(self, vertices=function(self.vertices))

    def move(self, x: float, y: float, z: float) -> Mesh:
        """Shifted."""
        shift = torch.tensor([x, y, z], dtype=torch.float32)
        return self.bend(lambda points: points + shift)

    def scale(self, x: float, y: float | None = None, z: float | None = None) -> Mesh:
        """Stretched along the axes, along all of them alike with one factor."""
        factors = torch.tensor([x, x if y is None else y, x if z is None else z], dtype=torch.float32)
        return self.bend(lambda points: points * factors)

    def turn(self, axis: int, angle: float) -> Mesh:
        """Rotated about an axis of space, radians."""
        first, second = (axis + 1) % 3, (axis + 2) % 3
        cosine, sine = math.cos(angle), math.sin(angle)
        matrix = torch.eye(3)
        matrix[first, first] = matrix[second, second] = cosine
        matrix[first, second], matrix[second, first] = -sine, sine
        return self.bend(lambda points: points @ matrix.T)

    def without(self, is_gone: torch.Tensor) -> Mesh:
        """Without the faces of which ``is_gone`` [f] bool."""
        return dataclasses.replace(self, faces=self.faces[~is_gone])

    def settle(self) -> Mesh:
        """What it looks like now is what textures know."""
        return dataclasses.replace(self, rest=self.vertices)

    @property
    def vertex_normals(self) -> torch.Tensor:
        """[v, 3] f32 unit: of the faces around each, by their areas."""
        sums = torch.zeros_like(self.vertices)
        areas = self._face_areas.repeat_interleave(3, dim=0)
        normals: torch.Tensor = normalize(sums.index_add(0, self.faces.view(-1), areas), dim=-1)
        return normals

    @property
    def corner_normals(self) -> torch.Tensor:
        """[f, 3, 3] f32 unit: what a face's corners are shaded by. At sharp edges those of the face itself."""
        own = normalize(self._face_areas, dim=-1)[:, None].expand(-1, 3, -1)
        smooth = self.vertex_normals[self.faces]
        is_smooth = (own * smooth).sum(dim=-1, keepdim=True) > _SHARP_COSINE
        return torch.where(is_smooth, smooth, own)

    @property
    def _face_areas(self) -> torch.Tensor:
        first, second, third = self.corners.unbind(1)
        areas: torch.Tensor = torch.linalg.cross(second - first, third - first)
        return areas


def join(meshes: Sequence[Mesh]) -> Mesh:
    """All of at least one as one."""
    offsets = [0]
    for mesh in meshes:
        offsets.append(offsets[-1] + len(mesh.vertices))
    return Mesh(
        torch.cat([mesh.vertices for mesh in meshes]),
        torch.cat([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=False)]),
        torch.cat([mesh.rest for mesh in meshes]),
    )


def from_grid(points: torch.Tensor, closes_rows: bool = False) -> Mesh:
    """The surface through ``points`` [rows, columns, 3], of which the last column is joined to the first, and with
    ``closes_rows`` the last row, too. Rows whose points are all the same close it like a lid."""
    rows, columns = points.shape[:2]
    index = torch.arange(rows * columns).view(rows, columns)
    if closes_rows:
        index = torch.cat([index, index[:1]])
    index = torch.cat([index, index[:, :1]], dim=1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = torch.stack([torch.stack([a, b, c], dim=-1), torch.stack([a, c, d], dim=-1)], dim=2).view(-1, 3)
    vertices = points.reshape(-1, 3).float()
    first, second, third = vertices[faces].unbind(1)
    has_area = torch.linalg.cross(second - first, third - first).norm(dim=-1) > _LEAST_AREA
    return Mesh(vertices, faces[has_area], vertices)
