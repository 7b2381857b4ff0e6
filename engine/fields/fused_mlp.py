"""The field's networks on NVIDIA cards with tensor cores: one kernel forward, one backward."""

from __future__ import annotations

import dataclasses

import torch

from engine.fields.mlp import COLOR_OUTPUTS, FieldNetworks


@dataclasses.dataclass
class FusedActivations:
    """What crosses the chip's border: ``features`` [n, 32], raw ``densities`` [n, 1] and raw ``colors`` [n, 4], f16."""

    features: torch.Tensor
    densities: torch.Tensor
    raw_colors: torch.Tensor

    def first(self, n: int) -> FusedActivations:
        """Views of the first ``n`` rows."""
        return FusedActivations(self.features[:n], self.densities[:n], self.raw_colors[:n])


class FusedFieldNetworks(FieldNetworks):
    """FieldNetworks of the one shape the kernels are written for; same weights, same functions."""

    @staticmethod
    def fits(inputs: int, width: int, color_layers: int, device: str) -> bool:
        """Whether the kernels can run networks of this shape on this device."""
        from taichi_kernels import triton_kernels

        if device != "cuda" or not triton_kernels.available():
            return False
        from taichi_kernels.triton_kernels import networks

        return (inputs, width, color_layers) == (networks.INPUTS, networks.WIDTH, networks.COLOR_LAYERS)

    def __init__(
        self, inputs: int, width: int, color_layers: int, device: str, dtype: torch.dtype, generator: torch.Generator
    ) -> None:
        super().__init__(inputs, width, color_layers, device, dtype, generator)
        from taichi_kernels.triton_kernels import networks

        self._kernels = networks
        # Of the last forward pass, for the backward pass.
        self._rays_d = torch.zeros(0, 3, device=device)

    def allocate(self, capacity: int) -> FusedActivations:  # type: ignore[override]
        """Buffers for ``capacity`` samples."""

        def rows(columns: int) -> torch.Tensor:
            return torch.zeros(capacity, columns, dtype=self.dtype, device=self.device)

        return FusedActivations(rows(self.inputs), rows(1), rows(COLOR_OUTPUTS))

    def forward_density(self, a: FusedActivations) -> torch.Tensor:  # type: ignore[override]
        """Raw densities [n, 1] of ``a.features``."""
        self._kernels.forward(a.features, None, None, self.mirror, a.densities, a.raw_colors)
        return a.densities

    def forward(  # type: ignore[override]
        self, a: FusedActivations, rays_d: torch.Tensor, sample_rays: torch.Tensor, count: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As FieldNetworks.forward."""
        self._rays_d = rays_d
        self._kernels.forward(a.features, rays_d, sample_rays, self.mirror, a.densities, a.raw_colors, count)
        return a.densities, a.raw_colors

    def allocate_scratch(self, capacity: int) -> torch.Tensor:  # type: ignore[override]
        """What ``backward`` writes into: d loss / d features [capacity, 32]."""
        return torch.zeros(capacity, self.inputs, dtype=self.dtype, device=self.device)

    def backward(  # type: ignore[override]
        self,
        a: FusedActivations,
        rows: torch.Tensor,
        row_count: torch.Tensor,
        sample_rays: torch.Tensor,
        grad_raw_densities: torch.Tensor,
        grad_raw_colors: torch.Tensor,
        scratch: torch.Tensor,
    ) -> torch.Tensor:
        """As FieldNetworks.backward, right after ``forward`` of the same samples; nothing waits for ``row_count``, so
        that what is returned has all of ``scratch``'s rows."""
        self._kernels.backward(
            rows, row_count, a.features, self._rays_d, sample_rays, self.mirror,
            grad_raw_densities, grad_raw_colors, scratch, self.gradients,
        )  # fmt: skip
        return scratch
