"""Twin of ``taichi_kernels.row_adam``."""

from __future__ import annotations

import torch


def row_adam_step(
    parameters: torch.Tensor,
    gradients: torch.Tensor,
    moments: torch.Tensor,
    working: torch.Tensor,
    rate: float,
    gradient_scale: float = 1.0,
    weight_decay: float = 0.0,
    beta1: float = 0.9,
    beta2: float = 0.99,
    epsilon: float = 1e-15,
) -> None:
    """One step on the rows that have a gradient; one second moment a row."""
    rows = (gradients != 0.0).any(1)
    gradient = gradients[rows].double() * gradient_scale + weight_decay * parameters[rows].double()
    first = beta1 * moments[rows, :-1].double() + (1.0 - beta1) * gradient
    second = beta2 * moments[rows, -1].double() + (1.0 - beta2) * gradient.square().mean(1)
    parameters[rows] = (parameters[rows] - rate * first / (second.sqrt()[:, None] + epsilon)).to(parameters.dtype)
    moments[rows] = torch.cat([first, second[:, None]], dim=1).to(moments.dtype)
    working[rows] = parameters[rows].to(working.dtype)
    gradients[rows] = 0.0
