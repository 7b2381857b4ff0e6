"""Hierarchical volume sampling (Mildenhall et al. 2020, section 5.2): where the samples of a ray lie, without a grid.

A few samples, one in each of equal strata, tell a coarse network where the ray meets anything; the weights with which
these are composited, taken as a piecewise-constant density, place more of them for a fine one. No gradient goes through
a sample's place.
"""

from __future__ import annotations

import torch

from engine.fields.coarse_and_fine import CoarseAndFine
from engine.fields.nerf import NerfNetwork
from engine.sampling.quadrature import CompositedRays, composite
from taichi_kernels.bundles import Rays

# Added to every weight, so that a ray which meets nothing is sampled evenly (as in the authors' code).
_LEAST_WEIGHT = 1e-5


def stratify(t_range: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Distances [n, m] f32, ascending: one in each of m equal strata of ``t_range`` [n, 2] f32, at ``places`` [n, m] or
    [m], 0 to 1, of it. All of a ray without length are where it begins."""
    near, far = t_range[:, :1], torch.maximum(t_range[:, :1], t_range[:, 1:])
    count = places.shape[-1]
    return near + (far - near) * ((torch.arange(count, device=places.device) + places) / count)


@torch.no_grad()
def place_by_weight(
    distances: torch.Tensor, weights: torch.Tensor, t_range: torch.Tensor, quantiles: torch.Tensor
) -> torch.Tensor:
    """Distances [n, k] f32 at ``quantiles`` [n, k], 0 to 1, of the density that samples at ``distances`` [n, m],
    ascending, with ``weights`` [n, m] of 0 or more make: constant in an interval around each, to the middle between it
    and its neighbour, or to the end of ``t_range`` [n, 2]."""
    middles = 0.5 * (distances[:, 1:] + distances[:, :-1])
    edges = torch.cat([t_range[:, :1], middles, torch.maximum(t_range[:, :1], t_range[:, 1:])], dim=1)
    sums = (weights + _LEAST_WEIGHT).cumsum(dim=1)
    cumulative = torch.nn.functional.pad(sums / sums[:, -1:], (1, 0))
    above = torch.searchsorted(cumulative, quantiles, right=True).clamp_(1, weights.shape[1])
    low, high = cumulative.gather(1, above - 1), cumulative.gather(1, above)
    share = ((quantiles - low) / (high - low)).clamp_(0.0, 1.0)
    return torch.lerp(edges.gather(1, above - 1), edges.gather(1, above), share)


def render_rays(
    field: CoarseAndFine, rays: Rays, strata: torch.Tensor, quantiles: torch.Tensor, linear: bool
) -> tuple[CompositedRays, CompositedRays]:
    """What the coarse and the fine network of ``field`` show along ``rays``, of which there are n. ``strata`` [n or 1,
    coarse samples] and ``quantiles`` [n, fine samples] f32, 0 to 1: see above."""
    distances = stratify(rays.t_range, strata)
    coarse = _composite(field.coarse, rays, distances, linear)
    more = place_by_weight(distances, coarse.weights.detach(), rays.t_range, quantiles)
    fine = _composite(field.fine, rays, torch.cat([distances, more], dim=1).sort(dim=1).values, linear)
    return coarse, fine


def _composite(network: NerfNetwork, rays: Rays, distances: torch.Tensor, linear: bool) -> CompositedRays:
    # A ray that misses the box has its samples at one place, which may be anywhere.
    points = (rays.origins[:, None] + distances[..., None] * rays.directions[:, None]).clamp_(0.0, 1.0)
    directions = rays.directions[:, None].expand_as(points)
    densities, colors = network(points.view(-1, 3), directions.reshape(-1, 3))
    shape = distances.shape
    return composite(densities.view(shape), colors.view(*shape, 3), distances, rays.t_range[:, 1], linear)
