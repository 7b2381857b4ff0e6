"""The frequency encoding of the original NeRF (Mildenhall et al. 2020, equation 4; Tancik et al. 2020 on why)."""

from __future__ import annotations

import math
from typing import Self

import torch

from engine.optimizers.parameters import ParameterGroup
from taichi_kernels.bundles import ActiveSamples


class FrequencyEncoding:
    """An Encoding without parameters: the coordinates themselves, then sin and cos of 2^k pi x for each octave k.

    Features may have any dtype. torch finds the gradients with respect to the points where they are asked for.
    """

    def __init__(self, in_dims: int, octaves: int) -> None:
        self.in_dims, self.octaves = in_dims, octaves

    @property
    def out_dims(self) -> int:
        return self.in_dims * (1 + 2 * self.octaves)

    def forward(self, points: torch.Tensor, features: torch.Tensor, count: torch.Tensor | None = None) -> None:
        """As Encoding.forward, of all points; columns of ``features`` past ``out_dims`` become 0."""
        scales = math.pi * 2.0 ** torch.arange(self.octaves, device=points.device)
        angles = (points[:, None, :] * scales[:, None]).flatten(1)
        sines, cosines = self.in_dims, self.in_dims * (1 + self.octaves)
        features[:, :sines] = points
        features[:, sines:cosines] = angles.sin()
        features[:, cosines : self.out_dims] = angles.cos()
        features[:, self.out_dims :] = 0.0

    def backward(self, points: torch.Tensor, active: ActiveSamples, grad_features: torch.Tensor) -> None:
        """As Encoding.backward: there are no parameters."""

    def parameters(self) -> list[ParameterGroup]:
        """None."""
        return []

    def frozen(self) -> Self:
        """This one: it never changes."""
        return self
