"""Twin of ``taichi_kernels.stepping``."""

from __future__ import annotations

import torch

from taichi_kernels.stepping import StepRule


def step_at(distances: torch.Tensor, steps: StepRule) -> torch.Tensor:
    """The step at each of ``distances`` [...], of their dtype."""
    return (distances * steps.cone_angle).clamp(steps.smallest, steps.largest)


def weighted_step_at(distances: torch.Tensor, steps: StepRule) -> torch.Tensor:
    """The step at each of ``distances`` [...] times the rule's density."""
    return step_at(distances, steps) * (steps.density if steps.grows else 1.0)
