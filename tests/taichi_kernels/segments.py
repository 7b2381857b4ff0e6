"""``march_ray_segments`` called like ``march_rays``, so that the same tests hold for both."""

from __future__ import annotations

from typing import Any

import torch

from taichi_kernels.bundles import Rays
from taichi_kernels.segment_marching import SEGMENT_STEPS, march_ray_segments
from taichi_kernels.stepping import StepRule


def march_all_ray_segments(ray_ids: torch.Tensor, max_samples: int, steps: StepRule, rays: Rays, *others: Any) -> None:
    """March all rays, which ``ray_ids`` must name in their order; ``others`` as for ``march_rays``."""
    assert torch.equal(ray_ids, torch.arange(len(rays), dtype=torch.int32, device=ray_ids.device))
    longest = max(steps.count_between(near, far) for near, far in rays.t_range.tolist())
    marks = torch.zeros(len(ray_ids), longest // SEGMENT_STEPS + 1, dtype=torch.int32, device=ray_ids.device)
    march_ray_segments(marks, max_samples, steps, rays, *others)
