"""What an encoding is to the fields and networks that read its features."""

from __future__ import annotations

from typing import Protocol, Self

import torch

from engine.optimizers.parameters import ParameterGroup
from taichi_kernels.bundles import ActiveSamples


class Encoding(Protocol):
    """Takes points [n, in_dims] f32 to features [n, out_dims], of several frequencies or resolutions, from which small
    changes of position can be told. Buffers come from the caller, on the device; gradients are written by hand."""

    @property
    def in_dims(self) -> int:
        """Coordinates of a point."""

    @property
    def out_dims(self) -> int:
        """Columns of the features."""

    def forward(self, points: torch.Tensor, features: torch.Tensor, count: torch.Tensor | None = None) -> None:
        """Write the ``features`` of ``points``: of the first ``count`` [1] int32 at least, where that is given."""

    def backward(self, points: torch.Tensor, active: ActiveSamples, grad_features: torch.Tensor) -> None:
        """Add to the parameters' gradients, given d loss / d features of the points that ``active`` lists: row i of
        ``grad_features`` is of point ``active.rows[i]``. Rows past ``active.count`` aren't read."""

    def position_gradient(
        self, points: torch.Tensor, active: ActiveSamples, grad_features: torch.Tensor, grad_points: torch.Tensor
    ) -> None:
        """Add d loss / d points to ``grad_points`` [n, in_dims] f32; arguments as in ``backward``. What isn't listed
        gets nothing."""

    def parameters(self) -> list[ParameterGroup]:
        """What an optimiser is to move."""

    def frozen(self) -> Self:
        """This encoding as it is now, for evaluation alone."""
