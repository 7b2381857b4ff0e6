"""The field's networks on NVIDIA cards with tensor cores: one kernel forward, one backward."""

from __future__ import annotations

import copy
import dataclasses
from typing import Self

import torch

from engine.device import PROFILES
from engine.fields.mlp import NetworksShape
from taichi_kernels.bundles import ActiveSamples, FieldOutputs


@dataclasses.dataclass
class FusedWork:
    """Buffers in global memory: ``features`` [n, 32] and raw ``outputs`` [n], f16. For training, ``feature_gradients``
    [n, 32], and from ``forward`` on the directions ``rays_d`` [rays, 3] that ``backward`` needs again."""

    features: torch.Tensor
    outputs: FieldOutputs
    feature_gradients: torch.Tensor | None
    rays_d: torch.Tensor | None = None

    def first(self, n: int) -> FusedWork:
        """Views of the first ``n`` samples'; the gradients' buffer is shared."""
        return FusedWork(self.features[:n], self.outputs.first(n), self.feature_gradients)


class FusedNetworks:
    """FieldNetworks of the one shape the kernels are written for; same weights, same functions."""

    @staticmethod
    def fits(shape: NetworksShape, device: str) -> bool:
        """Whether the kernels can run networks of this shape on this device."""
        from taichi_kernels import triton_kernels

        if not (PROFILES[device].runs_triton and triton_kernels.available()):
            return False
        from taichi_kernels.triton_kernels import networks

        return shape == NetworksShape(networks.INPUTS, networks.WIDTH, networks.COLOR_LAYERS)

    def __init__(self, shape: NetworksShape, device: str, dtype: torch.dtype, generator: torch.Generator) -> None:
        from taichi_kernels.triton_kernels import networks

        self.shape, self.device, self.dtype = shape, device, dtype
        self.weights = shape.begin(device, dtype, generator)
        self._kernels = networks

    def frozen(self) -> Self:
        """As FieldNetworks.frozen."""
        other = copy.copy(self)
        other.weights = self.weights.frozen()
        return other

    def allocate(self, capacity: int, for_training: bool) -> FusedWork:
        """As FieldNetworks.allocate."""

        def features() -> torch.Tensor:
            return torch.zeros(capacity, self.shape.inputs, dtype=self.dtype, device=self.device)

        outputs = FieldOutputs.allocate(capacity, self.device, self.dtype)
        return FusedWork(features(), outputs, features() if for_training else None)

    def forward_density(self, work: FusedWork) -> torch.Tensor:
        """As FieldNetworks.forward_density."""
        self._kernels.forward(work.features, None, None, self._flat_weights, work.outputs)
        return work.outputs.density_rows

    def forward(
        self, work: FusedWork, rays_d: torch.Tensor, sample_rays: torch.Tensor, count: torch.Tensor | None = None
    ) -> FieldOutputs:
        """As FieldNetworks.forward."""
        work.rays_d = rays_d
        self._kernels.forward(work.features, rays_d, sample_rays, self._flat_weights, work.outputs, count)
        return work.outputs

    def backward(
        self, work: FusedWork, sample_rays: torch.Tensor, active: ActiveSamples, gradients: FieldOutputs
    ) -> torch.Tensor:
        """As FieldNetworks.backward; without a host-device synchronisation, so that what is returned has a row for each
        sample that the batch has room for."""
        assert work.rays_d is not None and work.feature_gradients is not None, "forward, allocated for training"
        self._kernels.backward(
            active, work.features, work.rays_d, sample_rays, self._flat_weights, gradients,
            work.feature_gradients, self.weights.gradients.view(-1),
        )  # fmt: skip
        return work.feature_gradients

    @property
    def _flat_weights(self) -> torch.Tensor:
        return self.weights.working.view(-1)
