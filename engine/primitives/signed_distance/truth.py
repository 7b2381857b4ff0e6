"""What a mesh says of points: how far from its surface they are, and whether they are inside."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from engine.data.meshes import Mesh
from engine.fields.unit_cube import UnitCube
from taichi_kernels import runtime
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.surfaces.bvh import build_tree
from taichi_kernels.surfaces.distance import find_distances
from taichi_kernels.surfaces.winding import build_moments, find_winding_numbers
from taichi_kernels.torch_functions.random_numbers import uniform

# What a place for a triangle takes at most, while the tree is built.
_TRIANGLE_BYTES = 200
# A winding number is sure when it is no nearer than this to one half, at which inside begins.
SURE = 0.25


class SurfaceTruth:
    """The triangles of ``meshes``, together, in the unit cube of ``cube``; all lengths are in its. What several of
    them surround is inside, and so is what triangles surround that all face inwards."""

    def __init__(self, meshes: Sequence[Mesh], cube: UnitCube, device: str) -> None:
        runtime.start(device)
        corners = [_corners_of(mesh, cube) for mesh in meshes]
        self._tree = build_tree((torch.cat(corners) if len(corners) > 1 else corners[0]).to(device))
        self._moments = build_moments(self._tree)
        # As the tree has sorted them, what fills it up behind them.
        self._corners = self._tree.corners.view(-1, 3, 3)[: sum(map(len, corners))]
        first, second, third = self._corners.unbind(1)
        areas = torch.linalg.cross(second - first, third - first).norm(dim=1).double()
        self._up_to = areas.cumsum(0) / areas.sum()

    def distances(self, points: torch.Tensor, limits: torch.Tensor | None = None) -> torch.Tensor:
        """Signed distances [n] of ``points`` [n, 3], negative inside. ``limits`` [n]: none is farther away than that,
        which is found sooner."""
        found = torch.full_like(points[:, 0], math.inf) if limits is None else limits.clone()
        find_distances(self._tree, points.contiguous(), found)
        return torch.where(self.is_inside(points), -found, found)

    def is_inside(self, points: torch.Tensor) -> torch.Tensor:
        """[n] bool: what the surface surrounds."""
        return self._winding(points).abs() > 0.5

    def share_of_unsure(self, points: torch.Tensor) -> float:
        """How many of ``points`` are neither surely inside nor surely outside."""
        return float(((self._winding(points).abs() - 0.5).abs() < SURE).float().mean())

    def draw_on_surface(self, seed: int, step: int, indices: torch.Tensor) -> torch.Tensor:
        """A point [n, 3] for each of ``indices`` [n] int64, spread evenly over the surface."""
        choice, u, v = (uniform(seed, step, indices, RandomStream.SURFACE_POINT + k) for k in range(3))
        chosen = torch.searchsorted(self._up_to, choice.double(), right=True).clamp(max=len(self._corners) - 1)
        first, second, third = self._corners[chosen].unbind(1)
        # Evenly over the triangle: Osada et al. 2002, section 4.2.
        root = u.sqrt()[:, None]
        along = v[:, None]
        return (1.0 - root) * first + root * (1.0 - along) * second + root * along * third

    def _winding(self, points: torch.Tensor) -> torch.Tensor:
        found = torch.empty_like(points[:, 0])
        find_winding_numbers(self._tree, self._moments, points.contiguous(), found)
        return found


def bytes_for(triangles: int) -> int:
    """About what the SurfaceTruth of so many takes while it is made: its tree has places for a power of two."""
    return _TRIANGLE_BYTES << max(triangles - 1, 0).bit_length()


def _corners_of(mesh: Mesh, cube: UnitCube) -> torch.Tensor:
    """[n, 3, 3] f32, of its triangles in the unit cube."""
    vertices = ((mesh.vertices - cube.bounds.center) * cube.scale + 0.5).astype(np.float32)
    return torch.from_numpy(vertices[mesh.faces])


def draw_in_box(seed: int, step: int, indices: torch.Tensor, box: torch.Tensor, stream: RandomStream) -> torch.Tensor:
    """A point [n, 3] for each of ``indices`` [n] int64, spread evenly over ``box`` [2, 3]."""
    shares = torch.stack([uniform(seed, step, indices, stream + axis) for axis in range(3)], dim=1)
    return torch.lerp(box[0], box[1], shares)
