"""Twin of ``taichi_kernels.surfaces.intersection``: every ray against every triangle, in float64."""

from __future__ import annotations

import torch

from taichi_kernels.bundles import Rays, SurfaceHits, TriangleTree
from taichi_kernels.surfaces.intersection import OVERLAP


def find_closest(tree: TriangleTree, rays: Rays, hits: SurfaceHits) -> None:
    """As the kernel; of triangles that are met at one distance, any."""
    distances, weights = _meet_all(tree, rays)
    nearest, rows = distances.min(dim=1)
    hits.distances[:] = nearest.float()
    hits.hit_triangles[:] = torch.where(nearest.isfinite(), tree.triangles[rows], -1)
    hits.barycentrics[:] = weights[torch.arange(len(rows), device=rows.device), rows].float()


def find_any(tree: TriangleTree, rays: Rays, is_hit: torch.Tensor) -> None:
    """As the kernel."""
    is_hit[:] = _meet_all(tree, rays)[0].isfinite().any(dim=1).int()


def _meet_all(tree: TriangleTree, rays: Rays) -> tuple[torch.Tensor, torch.Tensor]:
    """Distances [n, rows], +inf where a ray misses, and barycentric coordinates [n, rows, 2]."""
    first, second, third = tree.corners.double().view(-1, 3, 3).unbind(1)
    columns = [second - first, third - first]
    directions = rays.directions.double()[:, None].expand(-1, len(first), -1)
    matrix = torch.stack([-directions, *(column.expand_as(directions) for column in columns)], dim=-1)
    offset = (rays.origins.double()[:, None] - first)[..., None]
    is_regular = (torch.linalg.det(matrix) != 0.0) & (tree.triangles >= 0)
    identity = torch.eye(3, dtype=torch.float64, device=matrix.device)
    solution = torch.linalg.solve(torch.where(is_regular[..., None, None], matrix, identity), offset)[..., 0]
    distances, weights = solution[..., 0], solution[..., 1:]
    near, far = rays.t_range.double().unbind(1)
    is_met = is_regular & (weights >= -OVERLAP).all(dim=-1) & (weights.sum(dim=-1) <= 1.0 + OVERLAP)
    is_met &= (distances >= near[:, None]) & (distances < far[:, None])
    return torch.where(is_met, distances, torch.inf), weights
