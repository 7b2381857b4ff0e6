"""Volume rendering of rays whose samples reach from one to the next, by torch, which finds the gradients.

Max (1995) as used by NeRF (Mildenhall et al. 2020, equation 3): w_i = T_i (1 - exp(-sigma_i delta_i)), with delta_i the
distance to the next sample. ``taichi_kernels.compositing`` does it for samples whose step follows from their distance.
"""

from __future__ import annotations

import dataclasses
import math

import torch

from taichi_kernels.torch_functions.activations import activate_color, activate_density


@dataclasses.dataclass(frozen=True, eq=False)
class CompositedRays:
    """``colors`` [n, 3] f32 premultiplied, ``transmittances`` [n] f32 that are left at the end; of the samples
    ``distances``, ``weights`` and ``optical_depths`` [n, m] f32."""

    colors: torch.Tensor
    transmittances: torch.Tensor
    distances: torch.Tensor
    weights: torch.Tensor
    optical_depths: torch.Tensor


def composite(
    raw_densities: torch.Tensor, raw_colors: torch.Tensor, distances: torch.Tensor, ends: torch.Tensor, linear: bool
) -> CompositedRays:
    """Composite ``raw_densities`` [n, m], ``raw_colors`` [n, m, 3] (see taichi_kernels.activations) at ``distances``
    [n, m] f32, ascending. The last sample of a ray reaches to its end, ``ends`` [n] f32."""
    lengths = torch.cat([distances[:, 1:], ends[:, None]], dim=1) - distances
    optical_depths = activate_density(raw_densities.float()) * lengths.clamp(min=0.0)
    sums = optical_depths.cumsum(dim=1)
    weights = torch.exp(optical_depths - sums) * -torch.expm1(-optical_depths)
    colors = (weights[..., None] * activate_color(raw_colors.float(), linear)).sum(dim=1)
    return CompositedRays(colors, torch.exp(-sums[:, -1]), distances, weights, optical_depths)


def find_surfaces(rays: CompositedRays, ends: torch.Tensor) -> torch.Tensor:
    """The distance [n] at which half of a ray's light is absorbed; where less is, the mean of its samples' by weight (0
    where none is)."""
    sums = rays.optical_depths.cumsum(dim=1)
    is_past = sums >= math.log(2.0)
    first = is_past.int().argmax(dim=1, keepdim=True)
    optical_depth, sum_to, start = (each.gather(1, first)[:, 0] for each in (rays.optical_depths, sums, rays.distances))
    following = torch.cat([rays.distances[:, 1:], ends[:, None]], dim=1).gather(1, first)[:, 0]
    share = 1.0 - (sum_to - math.log(2.0)) / optical_depth.clamp(min=1e-12)
    mean = (rays.weights * rays.distances).sum(dim=1) / rays.weights.sum(dim=1).clamp(min=1e-6)
    return torch.where(is_past.any(dim=1), torch.lerp(start, following, share.clamp(0.0, 1.0)), mean)
