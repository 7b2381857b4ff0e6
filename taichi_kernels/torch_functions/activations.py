"""What a field's raw outputs mean, as ``taichi_kernels.activations`` has it, differentiable.

Past its limits an activation stays where it is while its gradient passes, so that the raw value can come back.
"""

from __future__ import annotations

import torch

from taichi_kernels.activations import DENSITY_SCALE, MAX_RAW, MAX_RAW_SRGB, MIN_RAW_LINEAR


def activate_density(raw: torch.Tensor) -> torch.Tensor:
    """Density per unit-cube length."""
    return DENSITY_SCALE * _exp(raw)


def activate_color(raw: torch.Tensor, linear: bool) -> torch.Tensor:
    """Colour in the field's own colour space."""
    limits = (MIN_RAW_LINEAR, None) if linear else (-MAX_RAW_SRGB, MAX_RAW_SRGB)
    raw = raw + (raw.clamp(*limits) - raw).detach()
    return torch.nn.functional.softplus(raw) ** 2 if linear else torch.sigmoid(raw)


def _exp(raw: torch.Tensor) -> torch.Tensor:
    return torch.exp(raw + (raw.clamp(max=MAX_RAW) - raw).detach())
