"""Twin of ``taichi_kernels.marching`` by brute force: look at every lattice point, skip nothing."""

from __future__ import annotations

import torch

from taichi_kernels.bundles import OccupancyBits, Rays, Samples
from taichi_kernels.stepping import StepRule
from taichi_kernels.twins.stepping import step_at


def find_cascade(
    points: torch.Tensor, steps: torch.Tensor | float, resolution: int, cascades: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The cascade [...] that samples at ``points`` [..., 3] with ``steps`` [...] look at, and its side [...]."""
    needed = torch.maximum(2.0 * (points - 0.5).abs().amax(-1), torch.as_tensor(steps) * resolution)
    cascade = torch.zeros_like(needed, dtype=torch.long)
    for k in range(cascades - 1):
        cascade += needed >= 2.0 ** (k + 1 - cascades)
    return cascade, 2.0 ** (cascade + 1 - cascades)


def is_occupied(
    bits: torch.Tensor, points: torch.Tensor, resolution: int, cascades: int = 1, steps: torch.Tensor | float = 0.0
) -> torch.Tensor:
    """Whether each of ``points`` [..., 3] lies in a cell whose bit is set; False outside the unit cube."""
    cascade, side = find_cascade(points, steps, resolution, cascades)
    cell = (((points - 0.5) / side[..., None] + 0.5) * resolution).floor().long()
    inside = ((cell >= 0) & (cell < resolution)).all(-1)
    x, y, z = cell.clamp(0, resolution - 1).unbind(-1)
    index = ((cascade * resolution + z) * resolution + y) * resolution + x
    return inside & ((bits[index >> 5].long() >> (index & 31)) & 1 == 1)


def march_rays(
    ray_ids: torch.Tensor,
    max_samples: int,
    steps: StepRule,
    rays: Rays,
    occupied: OccupancyBits,
    counter: torch.Tensor,
    ray_samples: torch.Tensor,
    samples: Samples,
    in_order: bool = True,
) -> None:
    """As the kernel, rays always in order. The coarse bits are not looked at: they must not change the outcome."""
    for item, ray in enumerate(ray_ids.tolist()):
        t_start, t_end = rays.t_range[ray].tolist()
        *lattice, past = _make_lattice(t_start, t_end, steps)
        t = torch.tensor(lattice, dtype=torch.float64, device=samples.points.device)
        at = rays.origins[ray].double() + t[:, None] * rays.directions[ray].double()
        is_hit = is_occupied(occupied.bits, at, occupied.resolution, occupied.cascades, step_at(t, steps))
        hits = is_hit.nonzero().view(-1)
        taken = hits[:max_samples]
        rays.t_range[ray, 0] = t[hits[max_samples]] if len(hits) > max_samples else past
        start = int(counter)
        counter += len(taken)
        if start + len(taken) > samples.capacity:
            taken = taken[:0]
        end = start + len(taken)
        ray_samples[item] = torch.tensor([start, len(taken)], dtype=torch.int32)
        samples.points[start:end] = at[taken].float()
        samples.distances[start:end] = t[taken].float()
        samples.sample_rays[start:end] = ray


def _make_lattice(t: float, t_end: float, steps: StepRule) -> list[float]:
    """All lattice distances from ``t`` to ``t_end``, and the first one past it."""
    lattice = [t]
    while lattice[-1] < t_end:
        lattice.append(lattice[-1] + min(max(lattice[-1] * steps.cone_angle, steps.smallest), steps.largest))
    return lattice
