"""The multiresolution hash encoding of Instant-NGP with its trainable table."""

from __future__ import annotations

import copy
from typing import Self

import torch

from engine.optimizers.parameters import ParameterGroup
from taichi_kernels.bundles import ActiveSamples
from taichi_kernels.hash_grid import GridLayout, encode, encode_backward, encode_position_gradient

# Müller et al. 2022, section 4: table entries start uniform in +-1e-4.
_TABLE_INIT = 1e-4


class HashEncoding:
    """An Encoding: features of points of the unit cube [n, in_dims] f32. ``table`` holds the parameters.

    ``levels`` [levels, 3] int32 is the layout as kernels read it. Buffers come from the caller, on the device; features
    have the dtype of the table's working copy.
    """

    def __init__(
        self, layout: GridLayout, name: str, device: str, dtype: torch.dtype, generator: torch.Generator
    ) -> None:
        """``name``: of the table in a snapshot. ``dtype``: of what computes; float16 on CUDA alone. ``generator``: of
        torch's random numbers on the CPU."""
        self.layout = layout
        self.levels = layout.to_tensor(device)
        table = torch.empty(layout.entries, layout.features).uniform_(-_TABLE_INIT, _TABLE_INIT, generator=generator)
        self.table = ParameterGroup.begin(name, table.to(device), dtype)

    @property
    def in_dims(self) -> int:
        return self.layout.dimensions

    @property
    def out_dims(self) -> int:
        """How many features all levels have together."""
        return self.layout.levels * self.layout.features

    def frozen(self) -> Self:
        """This encoding as it is now, for evaluation alone."""
        other = copy.copy(self)
        other.table = self.table.frozen()
        return other

    def parameters(self) -> list[ParameterGroup]:
        """The table."""
        return [self.table]

    def forward(self, points: torch.Tensor, features: torch.Tensor, count: torch.Tensor | None = None) -> None:
        """Write the features of ``points`` to ``features`` [n, out_dims]: of the first ``count`` [1] int32 at least."""
        self._check(points)
        encode(points, self.levels, self.table.working, features, count)

    def backward(self, points: torch.Tensor, active: ActiveSamples, grad_features: torch.Tensor) -> None:
        """Add to the table's gradients, given d loss / d features of the points that ``active`` lists (see
        taichi_kernels.hash_grid.encode_backward)."""
        self._check(points)
        encode_backward(points, active, self.levels, grad_features, self.table.gradients)

    def position_gradient(
        self, points: torch.Tensor, active: ActiveSamples, grad_features: torch.Tensor, grad_points: torch.Tensor
    ) -> None:
        """As Encoding.position_gradient. Constant along an axis within a cell: see
        taichi_kernels.hash_grid.encode_position_gradient."""
        self._check(points)
        encode_position_gradient(points, active, self.levels, self.table.working, grad_features, grad_points)

    def _check(self, points: torch.Tensor) -> None:
        if points.shape[1] != self.in_dims:
            raise ValueError(f"points {list(points.shape)}: expected {self.in_dims} coordinates each")
