"""Twin of ``taichi_kernels.surfaces.distance``: every point against every triangle, in float64."""

from __future__ import annotations

import torch

from taichi_kernels.bundles import TriangleTree


def find_distances(tree: TriangleTree, points: torch.Tensor, distances: torch.Tensor) -> None:
    """As the kernel."""
    first, second, third = tree.corners[tree.triangles >= 0].double().view(-1, 3, 3).unbind(1)
    if not len(first):
        return
    places = points.double()[:, None]
    pairs = ((first, second), (second, third), (third, first))
    found = [_to_segments(places, start, end) for start, end in pairs]
    found.append(_to_insides(places, first, second, third))
    nearest = torch.stack(found).amin(dim=(0, 2))
    distances[:] = torch.minimum(distances, nearest.float())


def _to_segments(points: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """[n, triangles] of ``points`` [n, 1, 3]."""
    edge = end - start
    along = ((points - start) * edge).sum(-1) / edge.square().sum(-1).clamp(min=1e-300)
    lengths: torch.Tensor = (points - start - along.clamp(0.0, 1.0)[..., None] * edge).norm(dim=-1)
    return lengths


def _to_insides(points: torch.Tensor, first: torch.Tensor, second: torch.Tensor, third: torch.Tensor) -> torch.Tensor:
    """[n, triangles], +inf where a point isn't above the triangle's inside."""
    normal = torch.linalg.cross(second - first, third - first)
    length = normal.norm(dim=-1)
    unit = normal / length.clamp(min=1e-300)[:, None]
    is_above = (length > 0.0).expand(len(points), -1)
    for start, end in ((first, second), (second, third), (third, first)):
        inwards = torch.linalg.cross(unit, end - start)
        is_above = is_above & (((points - start) * inwards).sum(-1) >= 0.0)
    return torch.where(is_above, ((points - first) * unit).sum(-1).abs(), torch.inf)
