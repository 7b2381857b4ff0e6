"""A function of a position by the frequency encoding and a large network, without any table: the baseline of Müller et
al. 2022. It is asked and trained as a CoordinateField is."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Annotated, Self

import torch

from engine.device import PROFILES
from engine.encodings.frequency import FrequencyEncoding
from engine.fields.autograd import ModuleField, split_rows
from engine.fields.mixed_precision import aligned, begin_linear
from engine.link.values import Limits
from engine.optimizers.parameters import ParameterGroup


@dataclasses.dataclass(frozen=True)
class FrequencyFieldConfig:
    """Size of the field."""

    octaves: Annotated[int, Limits(1, 16)] = 10
    hidden_width: Annotated[int, Limits(16, 1024)] = 256
    hidden_layers: Annotated[int, Limits(1, 16)] = 8

    @property
    def summary(self) -> str:
        """The size as text, for reports."""
        return f"{self.octaves} octaves; {self.hidden_layers} hidden layers of {self.hidden_width}"

    def check(self) -> None:
        """All such numbers go together."""

    def needed_bytes(self, dimensions: int, samples: int, device: str) -> int:
        """About what such a field takes for training on ``samples`` at a time."""
        number = 2 if PROFILES[device].half_precision else 4
        return samples * number * (3 * self.hidden_layers * self.hidden_width + 2 * dimensions * (1 + 2 * self.octaves))


class _FrequencyNetwork(torch.nn.Module):
    """Points [n, in] f32 to values [n, out] of ``dtype``."""

    def __init__(
        self, config: FrequencyFieldConfig, in_dims: int, out_dims: int, dtype: torch.dtype, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.encoding, self.dtype = FrequencyEncoding(in_dims, config.octaves), dtype
        widths = [self.encoding.out_dims, *[config.hidden_width] * config.hidden_layers, out_dims]
        pairs = itertools.pairwise(widths)
        self.layers = torch.nn.ModuleList([begin_linear(first, second, generator) for first, second in pairs])

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        columns = aligned(self.encoding.out_dims, self.dtype)
        value = torch.empty(len(points), columns, dtype=self.dtype, device=points.device)
        # As the encoding has it, the unit cube is half a period of the lowest octave.
        self.encoding.forward(points, value)
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            value = layer(value, index < last)
        return value


class FrequencyField:
    """Values [n, out_dims] f32 at points [n, in_dims] f32 of the unit cube."""

    def __init__(self, config: FrequencyFieldConfig, in_dims: int, out_dims: int, device: str, seed: int = 0) -> None:
        self.config, self.in_dims, self.out_dims, self.device = config, in_dims, out_dims, device
        self.dtype = torch.float16 if PROFILES[device].half_precision else torch.float32
        generator = torch.Generator().manual_seed(seed)
        self.network = ModuleField(
            _FrequencyNetwork(config, in_dims, out_dims, self.dtype, generator), device, self.dtype
        )

    @torch.no_grad()
    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """The values at ``points``."""
        values = torch.empty(len(points), self.out_dims, device=self.device)
        for part in split_rows(len(points), PROFILES[self.device].chunk_samples):
            values[part] = self.network.module(points[part]).float()
        return values

    def trace(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As CoordinateField.trace; the points are their own features."""
        with torch.enable_grad():
            return points, self.network.module(points).float()

    def backward(self, points: torch.Tensor, features: torch.Tensor, loss: torch.Tensor) -> None:
        """As CoordinateField.backward."""
        loss.backward()

    def gradient(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As CoordinateField.gradient."""
        values, gradients = torch.empty(len(points), self.out_dims, device=self.device), torch.empty_like(points)
        for part in split_rows(len(points), PROFILES[self.device].chunk_samples):
            places = points[part].detach().requires_grad_(True)
            with torch.enable_grad():
                found = self.network.constant(places).float()
            (gradients[part],) = torch.autograd.grad(found[:, 0].sum(), places)
            values[part] = found.detach()
        return values, gradients

    def frozen(self) -> Self:
        """This field as it is now, for evaluation alone: what it has learnt is a copy."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, network=self.network.frozen())
        return other

    @property
    def frozen_bytes(self) -> int:
        """How much memory ``frozen`` takes."""
        return self.network.frozen_bytes

    def parameters(self) -> list[ParameterGroup]:
        """The network's weights."""
        return self.network.parameters()

    def state(self) -> dict[str, torch.Tensor]:
        """What was learnt, by name, on the device, not copied."""
        return self.network.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError when a tensor is missing or of another size."""
        self.network.load_state(state)
