"""The original NeRF (Mildenhall et al. 2020): a frequency encoding and one large network.

On a GPU the layers' products are of float16, which has as many digits as the TensorFloat-32 that float32 products would
be made with there, at half of the memory traffic: it is that, not the products, what a layer of 256 is limited by.
Parameters, their gradients and the encodings are float32.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, ClassVar, Self

import torch

from engine.device import PROFILES
from engine.encodings.base import Encoding
from engine.encodings.frequency import FrequencyEncoding
from engine.fields.autograd import AutogradField, RadianceModule
from engine.fields.base import FieldConfig, SampledFieldConfig
from engine.fields.mixed_precision import aligned, begin_linear
from engine.link.values import Limits

# Parameters, their gradients and two moments, float32.
_PARAMETER_BYTES = 4 * 4


@dataclasses.dataclass(frozen=True)
class NetworkSize(FieldConfig):
    """Size of a network. The defaults are the paper's (section 5.1, and figure 7): ``position_octaves`` and
    ``direction_octaves`` of the encodings, ``layers`` of ``width`` before density and view direction."""

    position_octaves: Annotated[int, Limits(0, 16)] = 10
    direction_octaves: Annotated[int, Limits(0, 16)] = 4
    layers: Annotated[int, Limits(1, 16)] = 8
    width: Annotated[int, Limits(16, 1024)] = 256

    @property
    def summary(self) -> str:
        """As FieldConfig.summary."""
        return f"{self.position_octaves} octaves, {self.layers} hidden layers of {self.width}"

    def check(self) -> None:
        """As FieldConfig.check: all go together."""

    def fit(self, growth: float, finest: float) -> Self:
        """As FieldConfig.fit: as many octaves more as the cube has doublings."""
        return dataclasses.replace(self, position_octaves=self.position_octaves + round(math.log2(growth)))

    def needed_bytes(self, samples: int, device: str) -> int:
        """As FieldConfig.needed_bytes."""
        parameters = self.width**2 * (self.layers + 2)
        activations = self.width * (self.layers + 2) * choose_dtype(device).itemsize // 4
        return parameters * _PARAMETER_BYTES + AutogradField.needed_bytes(samples, activations, device)


@dataclasses.dataclass(frozen=True)
class NerfConfig(NetworkSize, SampledFieldConfig):
    """Size of the field: one network."""

    kind: ClassVar[str] = "nerf"

    def build(self, device: str, seed: int) -> AutogradField:
        """As SampledFieldConfig.build."""
        return AutogradField(NerfNetwork(self, torch.Generator().manual_seed(seed), choose_dtype(device)), device)


class NerfNetwork(RadianceModule):
    """Density from ``layers`` of the encoded position, which comes in again past the middle; colour from a vector of
    features and the encoded view direction. Products and outputs are of ``dtype``."""

    def __init__(self, size: NetworkSize, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.dtype = dtype
        self._positions = FrequencyEncoding(3, size.position_octaves)
        self._directions = FrequencyEncoding(3, size.direction_octaves)
        positions, directions = self._positions.out_dims, self._directions.out_dims
        width = size.width
        self._skip = size.layers // 2 + 1  # the layer that sees the position again: of eight, the sixth
        inputs = [positions] + [width + positions * (layer == self._skip) for layer in range(1, size.layers)]
        self.layers = torch.nn.ModuleList(begin_linear(count, width, generator) for count in inputs)
        self.density_layer = begin_linear(width, 1, generator)
        self.feature_layer = begin_linear(width, width, generator)
        self.color_hidden = begin_linear(width + directions, width // 2, generator)
        self.color_layer = begin_linear(width // 2, 3, generator)

    def density(self, points: torch.Tensor) -> torch.Tensor:
        """As RadianceModule.density."""
        densities: torch.Tensor = self.density_layer(self._hidden(points))
        return densities[:, 0]

    def forward(self, points: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As RadianceModule.forward."""
        hidden = self._hidden(points)
        seen = torch.cat([self.feature_layer(hidden), self._encode(self._directions, directions)], dim=1)
        return self.density_layer(hidden)[:, 0], self.color_layer(self.color_hidden(seen, rectified=True))

    def _hidden(self, points: torch.Tensor) -> torch.Tensor:
        encoded = self._encode(self._positions, 2.0 * points - 1.0)
        value = encoded
        for index, layer in enumerate(self.layers):
            value = layer(torch.cat([value, encoded], dim=1) if index == self._skip else value, rectified=True)
        return value

    def _encode(self, encoding: Encoding, values: torch.Tensor) -> torch.Tensor:
        columns = aligned(encoding.out_dims, self.dtype)
        features = torch.empty(values.shape[0], columns, dtype=self.dtype, device=values.device)
        encoding.forward(values, features)
        return features


def choose_dtype(device: str) -> torch.dtype:
    """The type that a network's products are computed in."""
    return torch.float16 if PROFILES[device].half_precision else torch.float32
