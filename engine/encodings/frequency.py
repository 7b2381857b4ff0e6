"""The frequency encoding of the original NeRF (Mildenhall et al. 2020, equation 4; Tancik et al. 2020 on why)."""

from __future__ import annotations

import math
from typing import Self

import torch

from engine.optimizers.parameters import ParameterGroup
from taichi_kernels.bundles import ActiveSamples


class FrequencyEncoding:
    """An Encoding without parameters: the coordinates themselves, then sin and cos of 2^k pi x for each octave k.

    Features may have any dtype. torch's autograd goes through ``forward`` as well.
    """

    def __init__(self, in_dims: int, octaves: int) -> None:
        self.in_dims, self.octaves = in_dims, octaves

    @property
    def out_dims(self) -> int:
        return self.in_dims * (1 + 2 * self.octaves)

    def forward(self, points: torch.Tensor, features: torch.Tensor, count: torch.Tensor | None = None) -> None:
        """As Encoding.forward, of all points; columns of ``features`` past ``out_dims`` become 0."""
        angles = (points[:, None, :] * self._scales(points.device)).flatten(1)
        sines, cosines = self.in_dims, self.in_dims * (1 + self.octaves)
        features[:, :sines] = points
        features[:, sines:cosines] = angles.sin()
        features[:, cosines : self.out_dims] = angles.cos()
        features[:, self.out_dims :] = 0.0

    def backward(self, points: torch.Tensor, active: ActiveSamples, grad_features: torch.Tensor) -> None:
        """As Encoding.backward: there are no parameters."""

    def position_gradient(
        self, points: torch.Tensor, active: ActiveSamples, grad_features: torch.Tensor, grad_points: torch.Tensor
    ) -> None:
        """As Encoding.position_gradient. Waits for the device."""
        rows, scales = active.rows[: int(active.count)].long(), self._scales(points.device)
        angles = points[rows][:, None, :] * scales
        upstream = grad_features[: len(rows), : self.out_dims].float().view(len(rows), -1, self.in_dims)
        own, of_sines, of_cosines = upstream.split((1, self.octaves, self.octaves), dim=1)
        slopes = scales * (of_sines * angles.cos() - of_cosines * angles.sin())
        grad_points[rows] += own[:, 0] + slopes.sum(1)

    def parameters(self) -> list[ParameterGroup]:
        """None."""
        return []

    def frozen(self) -> Self:
        """This one: it never changes."""
        return self

    def _scales(self, device: torch.device) -> torch.Tensor:
        """2^k pi for each octave k [octaves, 1]."""
        return math.pi * 2.0 ** torch.arange(self.octaves, device=device)[:, None]
