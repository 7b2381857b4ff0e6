"""What a field's raw outputs mean, as ``taichi_kernels.activations`` has it, differentiable.

Past its limits an activation stays where it is while its gradient passes, so that the raw value can come back.
"""

from __future__ import annotations

import math

import torch

from taichi_kernels.activations import DENSITY_SCALE, FARTHEST_RAW, MAX_RAW, MAX_RAW_SRGB, MIN_RAW_LINEAR, SLOPE_BACK


def activate_density(raw: torch.Tensor) -> torch.Tensor:
    """Density per unit-cube length."""
    return DENSITY_SCALE * _exp(raw)


def activate_color(raw: torch.Tensor, linear: bool) -> torch.Tensor:
    """Colour in the field's own colour space."""
    limits = (MIN_RAW_LINEAR, None) if linear else (-MAX_RAW_SRGB, MAX_RAW_SRGB)
    limited = raw + (raw.clamp(*limits) - raw).detach()
    color = torch.nn.functional.softplus(limited) ** 2 if linear else torch.sigmoid(limited)
    if limited.requires_grad:
        slope = (2.0 * color.sqrt() * torch.sigmoid(limited) if linear else color * (1.0 - color)).detach()

        def led_back(gradient: torch.Tensor) -> torch.Tensor:
            is_back = (raw - limited) * gradient > 0.0
            held = gradient.masked_fill(_is_outward(raw, gradient, linear), 0.0)
            return torch.where(is_back, gradient * (SLOPE_BACK / slope), held)

        limited.register_hook(led_back)
    return color


def _is_outward(raw: torch.Tensor, gradient: torch.Tensor, linear: bool) -> torch.Tensor:
    """Where ``gradient`` takes a limited raw colour that is past FARTHEST_RAW still further out."""
    down, up = (raw < -FARTHEST_RAW) & (gradient > 0.0), (raw > FARTHEST_RAW) & (gradient < 0.0)
    return down if linear else down | up


def _exp(raw: torch.Tensor) -> torch.Tensor:
    return torch.exp(raw + (raw.clamp(max=MAX_RAW) - raw).detach())


def invert_color(color: torch.Tensor, linear: bool) -> torch.Tensor:
    """The raw values that ``activate_color`` takes to ``color``, within their limits."""
    if linear:
        root = color.clamp(min=math.log1p(math.exp(MIN_RAW_LINEAR)) ** 2).sqrt()
        return root + torch.log(-torch.expm1(-root))
    least = 1.0 / (1.0 + math.exp(MAX_RAW_SRGB))
    return torch.logit(color, eps=least)
