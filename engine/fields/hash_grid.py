"""The radiance field of Instant-NGP: a hash grid of features and two small networks."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import torch

from engine.device import PROFILES
from engine.encodings.hash_grid import HashEncoding
from engine.fields.base import FieldError, SampleBatch, SampledFieldConfig
from engine.fields.fused_mlp import FusedNetworks
from engine.fields.mlp import COLOR_INPUTS, FieldNetworks, MatrixNetworks, NetworksShape
from engine.link.values import Limits
from engine.optimizers.parameters import ParameterGroup, load_tensors
from taichi_kernels.bundles import COLOR_COLUMNS, ActiveSamples, FieldOutputs
from taichi_kernels.hash_grid import GridLayout

# Features a level: a row of the table is one read (see taichi_kernels.hash_grid).
FEATURES = 4
_HIDDEN_WIDTHS = (16, 32, 64, 128)
_MOST_ENTRIES = 1 << 28  # of all levels' tables
# Table, gradients and moments in float32, and a float16 working copy.
_ENTRY_BYTES = FEATURES * (4 + 4 + 4 + 2) + 4
# Activations of a step, and twice as many to go back through: see MatrixNetworks.
_BATCHES = 3


@dataclasses.dataclass(frozen=True)
class HashGridConfig(SampledFieldConfig):
    """Size of the field. ``max_resolution`` counts cells along the unit cube's side."""

    kind: ClassVar[str] = "hash-grid"

    levels: Annotated[int, Limits(1, 32)] = 8
    log2_table_size: Annotated[int, Limits(8, 24)] = 19
    base_resolution: Annotated[int, Limits(2, 16384)] = 16
    max_resolution: Annotated[int, Limits(2, 16384)] = 2048
    hidden_width: Annotated[int, Limits(16, 128)] = 64
    color_layers: Annotated[int, Limits(1, 4)] = 2

    @property
    def summary(self) -> str:
        """As FieldConfig.summary."""
        levels = "1 level" if self.levels == 1 else f"{self.levels} levels"
        table = f"{levels} of 2^{self.log2_table_size} entries, {FEATURES} features each"
        return f"{table}; hidden layers of {self.hidden_width}: 1 for density, {self.color_layers} for colour"

    @property
    def networks(self) -> NetworksShape:
        """The shape of the networks."""
        return NetworksShape(self.levels * FEATURES, self.hidden_width, self.color_layers)

    @property
    def grid(self) -> GridLayout:
        """Where the levels lie in the table."""
        return GridLayout.build(
            self.levels,
            self.log2_table_size,
            self.base_resolution,
            self.max_resolution,
            dimensions=3,
            features=FEATURES,
        )

    def check(self) -> None:
        """As FieldConfig.check."""
        if self.base_resolution > self.max_resolution:
            raise FieldError(
                f"base_resolution: {self.base_resolution} exceeds field.max_resolution: {self.max_resolution}"
            )
        if self.hidden_width not in _HIDDEN_WIDTHS:
            words = ", ".join(map(str, _HIDDEN_WIDTHS))
            raise FieldError(f"hidden_width: {self.hidden_width} is not one of {words}")
        if self.levels << self.log2_table_size > _MOST_ENTRIES:
            raise FieldError(
                f"log2_table_size: {self.levels} levels of 2**{self.log2_table_size} entries are more than "
                f"{_MOST_ENTRIES}"
            )

    def fit(self, growth: float, finest: float) -> Self:
        """As FieldConfig.fit: the finest level has ``finest`` cells there, but at least twice those of the coarsest."""
        cells = self.max_resolution
        if finest:
            cells = min(cells, max(round(finest), 2 * self.base_resolution))
        return dataclasses.replace(self, max_resolution=round(cells * growth))

    def build(self, device: str, seed: int) -> HashGridField:
        """As SampledFieldConfig.build."""
        return HashGridField(self, device, seed)

    def needed_bytes(self, samples: int, device: str) -> int:
        """As FieldConfig.needed_bytes."""
        shape = self.networks
        width = shape.inputs + shape.width * (1 + shape.color_layers) + COLOR_INPUTS + COLOR_COLUMNS
        sample_bytes = (2 if PROFILES[device].half_precision else 4) * width * _BATCHES + 64
        return self.grid.entries * _ENTRY_BYTES + samples * sample_bytes


class HashGridField:
    """Density and colour at points of the unit cube; ``encoding`` and ``networks`` hold the parameters."""

    def __init__(self, config: HashGridConfig, device: str, seed: int = 0) -> None:
        self.config, self.device = config, device
        self.dtype = torch.float16 if PROFILES[device].half_precision else torch.float32
        generator = torch.Generator().manual_seed(seed)
        self.encoding = HashEncoding(config.grid, "field.table", device, self.dtype, generator)
        fits = FusedNetworks.fits(config.networks, device)
        networks: type[FusedNetworks | MatrixNetworks] = FusedNetworks if fits else MatrixNetworks
        self.networks: FieldNetworks = networks(config.networks, device, self.dtype, generator)

    def frozen(self) -> Self:
        """As RadianceField.frozen."""
        other = copy.copy(self)
        other.encoding = self.encoding.frozen()
        other.networks = self.networks.frozen()
        return other

    @property
    def frozen_bytes(self) -> int:
        return sum(group.working.nbytes for group in self.parameters())

    def allocate(self, capacity: int, for_training: bool = False) -> SampleBatch[Any]:
        """As RadianceField.allocate."""
        return SampleBatch.allocate(capacity, self.device, self.networks.allocate(capacity, for_training))

    def density(self, batch: SampleBatch[Any]) -> torch.Tensor:
        """As RadianceField.density."""
        self.encoding.forward(batch.points, batch.work.features)
        return self.networks.forward_density(batch.work)

    def forward(self, batch: SampleBatch[Any], rays_d: torch.Tensor, count: torch.Tensor | None = None) -> FieldOutputs:
        """As RadianceField.forward; without a host-device synchronisation."""
        self.encoding.forward(batch.points, batch.work.features, count)
        return self.networks.forward(batch.work, rays_d, batch.sample_rays, count)

    def backward(self, batch: SampleBatch[Any], active: ActiveSamples, gradients: FieldOutputs) -> None:
        """As RadianceField.backward."""
        grad_features = self.networks.backward(batch.work, batch.sample_rays, active, gradients)
        self.encoding.backward(batch.points, active, grad_features)

    def parameters(self) -> list[ParameterGroup]:
        """The table, and the networks' weights."""
        return [*self.encoding.parameters(), self.networks.weights]

    def state(self) -> dict[str, torch.Tensor]:
        """As RadianceField.state."""
        table, weights = self.encoding.table, self.networks.weights
        return {table.name: table.values, weights.name: weights.values.view(-1)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """As RadianceField.load_state."""
        load_tensors(self.state(), state)
        for group in self.parameters():
            group.refresh_working()
