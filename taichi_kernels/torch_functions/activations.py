"""What a field's raw outputs mean, as ``taichi_kernels.activations`` has it, differentiable.

Past its limits an activation stays where it is while its gradient passes, so that the raw value can come back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import softplus

from taichi_kernels.activations import DENSITY_SCALE, FARTHEST_RAW, MAX_RAW, MAX_RAW_SRGB, MIN_RAW_LINEAR, SLOPE_BACK


def activate_density(raw: torch.Tensor) -> torch.Tensor:
    """Density per unit-cube length."""
    return DENSITY_SCALE * _exp(raw)


def activate_color(raw: torch.Tensor, linear: bool) -> torch.Tensor:
    """Colour in the field's own colour space."""
    activate: Callable[[torch.Tensor, bool], torch.Tensor] = _Color.apply
    return activate(raw, linear)


class _Color(torch.autograd.Function):
    """Past its limits a colour's gradient is that of ``taichi_kernels.activations.raw_color_gradient``."""

    @staticmethod
    def forward(ctx: Any, raw: torch.Tensor, linear: bool) -> torch.Tensor:
        ctx.linear = linear
        ctx.save_for_backward(raw)
        limited = _limit(raw, linear)
        return softplus(limited).square() if linear else limited.sigmoid()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (raw,) = ctx.saved_tensors
        limited, linear = _limit(raw, ctx.linear), ctx.linear
        share = limited.sigmoid()
        slope = 2.0 * softplus(limited) * share if linear else share * (1.0 - share)
        is_back = (raw - limited) * gradient > 0.0
        held = (slope * gradient).masked_fill(_is_outward(raw, gradient, linear), 0.0)
        return torch.where(is_back, SLOPE_BACK * gradient, held), None


def _limit(raw: torch.Tensor, linear: bool) -> torch.Tensor:
    return raw.clamp(min=MIN_RAW_LINEAR) if linear else raw.clamp(-MAX_RAW_SRGB, MAX_RAW_SRGB)


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
