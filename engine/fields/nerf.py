"""The original NeRF (Mildenhall et al. 2020): a frequency encoding and one large network."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, ClassVar, Self

import torch
from torch.nn.functional import relu

from engine.fields.autograd import AutogradField, RadianceModule
from engine.fields.base import FieldConfig
from engine.link.values import Limits

# Parameters, their gradients and two moments, float32.
_PARAMETER_BYTES = 4 * 4


@dataclasses.dataclass(frozen=True)
class NerfConfig(FieldConfig):
    """Size of the field. The defaults are the paper's (section 5.1, and figure 7): ``position_octaves`` and
    ``direction_octaves`` of the encodings, ``layers`` of ``width`` before density and view direction."""

    kind: ClassVar[str] = "nerf"

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

    def fit(self, growth: int, finest: float) -> Self:
        """As FieldConfig.fit: as many octaves more as the cube has doublings."""
        return dataclasses.replace(self, position_octaves=self.position_octaves + round(math.log2(growth)))

    def build(self, device: str, seed: int) -> AutogradField:
        """As FieldConfig.build."""
        return AutogradField(NerfNetwork(self, torch.Generator().manual_seed(seed)), device)

    def needed_bytes(self, samples: int, device: str) -> int:
        """As FieldConfig.needed_bytes."""
        parameters = self.width**2 * (self.layers + 2)
        activations = self.width * (self.layers + 2)
        return parameters * _PARAMETER_BYTES + AutogradField.needed_bytes(samples, activations, device)


class NerfNetwork(RadianceModule):
    """Density from ``layers`` of the encoded position, which comes in again past the middle; colour from a vector of
    features and the encoded view direction."""

    def __init__(self, config: NerfConfig, generator: torch.Generator) -> None:
        super().__init__()
        self._position_octaves, self._direction_octaves = config.position_octaves, config.direction_octaves
        positions, directions = 3 * (1 + 2 * config.position_octaves), 3 * (1 + 2 * config.direction_octaves)
        width = config.width
        self._skip = config.layers // 2 + 1  # the layer that sees the position again: of eight, the sixth
        inputs = [positions] + [width + positions * (layer == self._skip) for layer in range(1, config.layers)]
        self.layers = torch.nn.ModuleList(_linear(count, width, generator) for count in inputs)
        self.density_layer = _linear(width, 1, generator)
        self.feature_layer = _linear(width, width, generator)
        self.color_hidden = _linear(width + directions, width // 2, generator)
        self.color_layer = _linear(width // 2, 3, generator)

    def density(self, points: torch.Tensor) -> torch.Tensor:
        """As RadianceModule.density."""
        densities: torch.Tensor = self.density_layer(self._hidden(points))
        return densities[:, 0]

    def forward(self, points: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As RadianceModule.forward."""
        hidden = self._hidden(points)
        seen = torch.cat([self.feature_layer(hidden), encode_frequencies(directions, self._direction_octaves)], dim=1)
        return self.density_layer(hidden)[:, 0], self.color_layer(relu(self.color_hidden(seen)))

    def _hidden(self, points: torch.Tensor) -> torch.Tensor:
        encoded = encode_frequencies(2.0 * points - 1.0, self._position_octaves)
        value = encoded
        for index, layer in enumerate(self.layers):
            value = relu(layer(torch.cat([value, encoded], dim=1) if index == self._skip else value))
        return value


def encode_frequencies(x: torch.Tensor, octaves: int) -> torch.Tensor:
    """``x`` [n, d], then sin and cos of 2^k pi x for each octave k (equation 4): [n, d (1 + 2 octaves)]."""
    scales = math.pi * 2.0 ** torch.arange(octaves, device=x.device)
    angles = (x[:, None, :] * scales[:, None]).flatten(1)
    return torch.cat([x, angles.sin(), angles.cos()], dim=1)


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> torch.nn.Linear:
    """A layer as the paper's own code begins: weights after Glorot and Bengio 2010, no bias yet."""
    layer = torch.nn.Linear(inputs, outputs)
    torch.nn.init.xavier_uniform_(layer.weight, generator=generator)
    torch.nn.init.zeros_(layer.bias)
    return layer
