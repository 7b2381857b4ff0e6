"""Linear layers of float32 parameters that compute in the dtype of their input (Micikevicius et al. 2018).

torch's autocast would give the parameters' gradients the input's dtype: sums over a quarter of a million samples, which
overflow float16. Here they are summed and kept in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import linear, pad

from engine.device import PROFILES

# Rows of half-precision matrices must be so many numbers long, or a multiple, for tensor cores to read them.
_ALIGNED = 8


def aligned(columns: int, dtype: torch.dtype) -> int:
    """How many columns inputs of ``dtype`` are to have, zeros behind the first ``columns``."""
    return columns if dtype == torch.float32 else columns + -columns % _ALIGNED


class MixedLinear(torch.nn.Linear):
    """torch's, with products and outputs in the dtype of the input [n, in_features or, zeros behind these, more]."""

    def forward(self, value: torch.Tensor, rectified: bool = False) -> torch.Tensor:
        """[n, out_features]; 0 where that is below 0, if ``rectified``."""
        if value.dtype == self.weight.dtype:
            result = super().forward(value)
            return result.relu_() if rectified else result
        more = (0, value.shape[1] - self.in_features, 0, -self.out_features % _ALIGNED)
        weight, bias = (pad(self.weight, more), pad(self.bias, more[2:])) if any(more) else (self.weight, self.bias)
        multiply: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, bool], torch.Tensor] = _MixedProduct.apply
        result = multiply(value, weight, bias, rectified)
        return result[:, : self.out_features] if more[3] else result


def begin_linear(inputs: int, outputs: int, generator: torch.Generator) -> MixedLinear:
    """A layer as the original NeRF's own code begins: weights after Glorot and Bengio 2010, no bias yet."""
    layer = MixedLinear(inputs, outputs)
    torch.nn.init.xavier_uniform_(layer.weight, generator=generator)
    torch.nn.init.zeros_(layer.bias)
    return layer


class _MixedProduct(torch.autograd.Function):
    """``value`` [n, in] times the transposed ``weight`` [out, in] f32, plus ``bias`` [out] f32. On a GPU the product's
    own kernel rectifies: half as many bytes as two kernels would read and write."""

    @staticmethod
    def forward(
        ctx: Any, value: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, rectified: bool
    ) -> torch.Tensor:
        rounded, offset = weight.to(value.dtype), bias.to(value.dtype)
        result = torch._addmm_activation(offset, value, rounded.t()) if rectified else linear(value, rounded, offset)
        ctx.save_for_backward(value, rounded, result if rectified else None)
        return result

    @staticmethod
    def backward(
        ctx: Any, gradient: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None, None]:
        value, rounded, rectified = ctx.saved_tensors
        if rectified is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, rectified, 0)
        grad_value = gradient @ rounded if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return grad_value, None, None, None
        # A sum of columns by tensor cores: torch's own reduction takes two to three times as long.
        ones = gradient.new_ones(gradient.shape[0], _ALIGNED)
        return grad_value, _sum_outer(gradient, value), _sum_outer(gradient, ones)[:, 0], None


def _sum_outer(gradient: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """The sum over n of the outer products of ``gradient`` [n, out] and ``value`` [n, in]: [out, in] f32."""
    if PROFILES[gradient.device.type].mixed_products:
        return torch.mm(gradient.t(), value, out_dtype=torch.float32)
    return torch.mm(gradient.t().float(), value.float())
