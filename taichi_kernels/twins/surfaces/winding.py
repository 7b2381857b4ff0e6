"""Twin of ``taichi_kernels.surfaces.winding``: the solid angles of all triangles, in float64, and no dipoles."""

from __future__ import annotations

import math

import torch

from taichi_kernels.bundles import SurfaceMoments, TriangleTree


def find_winding_numbers(
    tree: TriangleTree, moments: SurfaceMoments, points: torch.Tensor, winding: torch.Tensor
) -> None:
    """As the kernel, whose dipoles are a few hundredths off at most."""
    corners = tree.corners[tree.triangles >= 0].double().view(-1, 3, 3)
    a, b, c = (corners[:, k] - points.double()[:, None] for k in range(3))
    length_a, length_b, length_c = (side.norm(dim=-1) for side in (a, b, c))
    volume = (a * torch.linalg.cross(b, c)).sum(-1)
    below = length_a * length_b * length_c
    below = below + (a * b).sum(-1) * length_c + (b * c).sum(-1) * length_a + (c * a).sum(-1) * length_b
    winding[:] = (2.0 * torch.atan2(volume, below)).sum(dim=1).float() / (4.0 * math.pi)
