"""The radiance field of Instant-NGP: a hash grid of features and two small networks."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from engine.fields.fused_mlp import FusedFieldNetworks
from engine.fields.mlp import Activations, FieldNetworks
from taichi_kernels.adam import adam_step
from taichi_kernels.hash_grid import FEATURES, GridLayout, encode, encode_backward

# Müller et al. 2022, section 4: table entries start uniform in +-1e-4.
_TABLE_INIT = 1e-4


@dataclasses.dataclass(frozen=True)
class FieldConfig:
    """Size of a field. ``max_resolution`` counts cells along the unit cube's side."""

    levels: int = 8
    log2_table_size: int = 19
    base_resolution: int = 16
    max_resolution: int = 2048
    hidden_width: int = 64
    color_layers: int = 2


@dataclasses.dataclass
class SampleBatch:
    """Packed samples and all that evaluating them needs, for a fixed capacity.

    ``points`` [n, 3] f32 in the unit cube, ``distances`` [n] f32 along their ray, ``sample_rays`` [n] int32.
    """

    points: torch.Tensor
    distances: torch.Tensor
    sample_rays: torch.Tensor
    activations: Activations

    @property
    def capacity(self) -> int:
        return self.points.shape[0]

    def first(self, n: int) -> SampleBatch:
        """Views of the first ``n`` samples."""
        return SampleBatch(self.points[:n], self.distances[:n], self.sample_rays[:n], self.activations.first(n))


class HashGridField:
    """Density and colour at points of the unit cube; parameters, their gradients and their optimiser state."""

    def __init__(self, config: FieldConfig, device: str, seed: int = 0) -> None:
        self.config, self.device = config, device
        self.dtype = torch.float16 if device == "cuda" else torch.float32
        generator = torch.Generator().manual_seed(seed)
        grid = GridLayout.build(config.levels, config.log2_table_size, config.base_resolution, config.max_resolution)
        self.layout = grid.to_tensor(device)
        table = torch.empty(grid.entries, FEATURES).uniform_(-_TABLE_INIT, _TABLE_INIT, generator=generator)
        self.table = table.to(device)
        self.table_gradients = torch.zeros_like(self.table)
        self.table_moments = torch.zeros(grid.entries, FEATURES + 1, device=device)
        self.table_mirror = self.table if self.dtype == torch.float32 else self.table.to(self.dtype)
        shape = (config.levels * FEATURES, config.hidden_width, config.color_layers, device)
        networks = FusedFieldNetworks if FusedFieldNetworks.fits(*shape) else FieldNetworks
        self.networks = networks(*shape, self.dtype, generator)

    def allocate(self, capacity: int) -> SampleBatch:
        """Buffers to march into and evaluate from."""
        return SampleBatch(
            torch.zeros(capacity, 3, device=self.device),
            torch.zeros(capacity, device=self.device),
            torch.zeros(capacity, dtype=torch.int32, device=self.device),
            self.networks.allocate(capacity),
        )

    def evaluate_density(self, batch: SampleBatch) -> torch.Tensor:
        """Raw densities [n, any] (column 0 counts) at ``batch.points``."""
        encode(batch.points, self.layout, self.table_mirror, batch.activations.features)
        return self.networks.forward_density(batch.activations)

    def evaluate(
        self, batch: SampleBatch, rays_d: torch.Tensor, count: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Raw densities [n, any] (column 0 counts) and raw colours [n, 4] (three count) along ``rays_d`` [rays, 3].

        ``count`` [1] int32, if given, tells how many of the samples matter, without anybody waiting for it.
        """
        encode(batch.points, self.layout, self.table_mirror, batch.activations.features, count)
        return self.networks.forward(batch.activations, rays_d, batch.sample_rays, count)

    def backward(
        self,
        batch: SampleBatch,
        rows: torch.Tensor,
        row_count: torch.Tensor,
        grad_raw_densities: torch.Tensor,
        grad_raw_colors: torch.Tensor,
        scratch: Any,
    ) -> None:
        """Gradients of all parameters after ``evaluate`` of the same batch, from the samples that ``rows`` lists.
        ``scratch``: from ``networks.allocate_scratch``; the others: see FieldNetworks.backward."""
        grad_features = self.networks.backward(
            batch.activations, rows, row_count, batch.sample_rays, grad_raw_densities, grad_raw_colors, scratch
        )
        encode_backward(batch.points, rows, row_count, self.layout, grad_features, self.table_gradients)

    def step(self, rate: float, gradient_scale: float = 1.0, weight_decay: float = 0.0) -> None:
        """One optimiser step with the gradients at hand, times ``gradient_scale`` (see adam_step)."""
        adam_step(
            self.table, self.table_gradients, self.table_moments, self.table_mirror, rate, gradient_scale, weight_decay
        )
        self.networks.step(rate, gradient_scale, weight_decay)

    def state(self) -> dict[str, torch.Tensor]:
        """Parameters and optimiser state by name, on the device, not copied."""
        return {
            "field.table": self.table,
            "field.table_moments": self.table_moments,
            "field.weights": self.networks.weights,
            "field.weights_moments": self.networks.moments,
        }

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError when a tensor is missing or of another size."""
        for name, tensor in self.state().items():
            if name not in state or state[name].shape != tensor.shape:
                found = list(state[name].shape) if name in state else "nothing"
                raise ValueError(f"{name}: expected {list(tensor.shape)}, found {found}")
            tensor.copy_(state[name])
        if self.table_mirror is not self.table:
            self.table_mirror.copy_(self.table)
            self.networks.mirror.copy_(self.networks.weights)
