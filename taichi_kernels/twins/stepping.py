"""Twin of ``taichi_kernels.stepping``."""

from __future__ import annotations

import torch

from taichi_kernels.stepping import StepRule


def step_at(distances: torch.Tensor, steps: StepRule) -> torch.Tensor:
    """The step at each of ``distances`` [...], of their dtype."""
    return (distances * steps.cone_angle).clamp(steps.smallest, steps.largest)
