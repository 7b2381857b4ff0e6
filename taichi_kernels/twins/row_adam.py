"""Twin of ``taichi_kernels.row_adam``."""

from __future__ import annotations

import torch

from taichi_kernels.row_adam import BETA1, BETA2, EPSILON


def row_adam_step(
    parameters: torch.Tensor,
    gradients: torch.Tensor,
    moments: torch.Tensor,
    working: torch.Tensor,
    rate: float,
    gradient_scale: float = 1.0,
    weight_decay: float = 0.0,
) -> None:
    """One step on the rows that have a gradient; one second moment a row."""
    rows = (gradients != 0.0).any(1)
    gradient = gradients[rows].double() * gradient_scale + weight_decay * parameters[rows].double()
    first = BETA1 * moments[rows, :-1].double() + (1.0 - BETA1) * gradient
    second = BETA2 * moments[rows, -1].double() + (1.0 - BETA2) * gradient.square().mean(1)
    parameters[rows] = (parameters[rows] - rate * first / (second.sqrt()[:, None] + EPSILON)).to(parameters.dtype)
    moments[rows] = torch.cat([first, second[:, None]], dim=1).to(moments.dtype)
    working[rows] = parameters[rows].to(working.dtype)
    gradients[rows] = 0.0
