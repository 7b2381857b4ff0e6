"""Twin of ``taichi_kernels.marching`` by brute force: look at every lattice point, skip nothing."""

from __future__ import annotations

import math

import torch


def is_occupied(bits: torch.Tensor, points: torch.Tensor, resolution: int) -> torch.Tensor:
    """Whether each of ``points`` [..., 3] lies in a cell whose bit is set; False outside the unit cube."""
    cell = (points * resolution).floor().long()
    inside = ((cell >= 0) & (cell < resolution)).all(-1)
    x, y, z = cell.clamp(0, resolution - 1).unbind(-1)
    index = (z * resolution + y) * resolution + x
    return inside & ((bits[index >> 5].long() >> (index & 31)) & 1 == 1)


def march_rays(
    ray_ids: torch.Tensor,
    max_samples: int,
    step_length: float,
    rays_o: torch.Tensor,
    rays_d: torch.Tensor,
    t_range: torch.Tensor,
    bits: torch.Tensor,
    coarse_bits: torch.Tensor,
    resolution: int,
    coarse_resolution: int,
    counter: torch.Tensor,
    ray_samples: torch.Tensor,
    points: torch.Tensor,
    distances: torch.Tensor,
    sample_rays: torch.Tensor,
) -> None:
    """As the kernel, rays packed in order. The coarse bits aren't looked at: they must not change the outcome."""
    for item, ray in enumerate(ray_ids.tolist()):
        t_start, t_end = t_range[ray].double().tolist()
        lattice = max(math.ceil((t_end - t_start) / step_length), 0)
        t = t_start + torch.arange(lattice, dtype=torch.float64, device=points.device) * step_length
        at = rays_o[ray].double() + t[:, None] * rays_d[ray].double()
        hits = is_occupied(bits, at, resolution).nonzero().view(-1)
        taken = hits[:max_samples]
        t_range[ray, 0] = t[hits[max_samples]] if len(hits) > max_samples else t_start + lattice * step_length
        start = int(counter)
        counter += len(taken)
        if start + len(taken) > points.shape[0]:
            taken = taken[:0]
        end = start + len(taken)
        ray_samples[item] = torch.tensor([start, len(taken)], dtype=torch.int32)
        points[start:end] = at[taken].float()
        distances[start:end] = t[taken].float()
        sample_rays[start:end] = ray
