"""A function of a position, by a hash grid of features and a small network: an image, a signed distance.

Müller et al. 2022, section 5: a trainable encoding, and a multilayer perceptron of which the encoding makes so little
work that two hidden layers of 64 do. The grid's gradients are written by hand, the network's are torch's.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Self

import torch

from engine.device import PROFILES
from engine.encodings.hash_grid import HashEncoding
from engine.fields.autograd import ModuleField, split_rows
from engine.fields.base import FieldError
from engine.fields.mixed_precision import begin_linear
from engine.link.values import Limits
from engine.optimizers.parameters import ParameterGroup, load_tensors
from taichi_kernels.bundles import ActiveSamples
from taichi_kernels.hash_grid import FEATURES, GridLayout

OutputActivation = Literal["none", "exponential"]
_MOST_CELLS = 1 << 24
# Beyond this, an exponential is more than half floats hold.
_LARGEST_EXPONENT = 11.0
_ACTIVATIONS: Mapping[OutputActivation, Callable[[torch.Tensor], torch.Tensor]] = {
    "none": lambda raw: raw,
    "exponential": lambda raw: raw.clamp(max=_LARGEST_EXPONENT).exp(),
}


@dataclasses.dataclass(frozen=True)
class CoordinateFieldConfig:
    """Size of the field. ``max_resolution`` counts cells along the unit cube's side, ``features`` are those of a
    level."""

    levels: Annotated[int, Limits(1, 32)] = 8
    features: Annotated[int, Limits(2, 4)] = 4
    log2_table_size: Annotated[int, Limits(8, 26)] = 19
    base_resolution: Annotated[int, Limits(2, _MOST_CELLS)] = 16
    max_resolution: Annotated[int, Limits(2, _MOST_CELLS)] = 2048
    hidden_width: Annotated[int, Limits(16, 128)] = 64
    hidden_layers: Annotated[int, Limits(1, 4)] = 2

    @property
    def summary(self) -> str:
        """The size as text, for reports."""
        levels = "1 level" if self.levels == 1 else f"{self.levels} levels"
        table = f"{levels} of 2^{self.log2_table_size} entries, {self.features} features each"
        return f"{table}; {self.hidden_layers} hidden layers of {self.hidden_width}"

    def check(self) -> None:
        """Raises FieldError, which begins with the setting's name, for numbers that don't go together."""
        if self.features not in FEATURES:
            raise FieldError(f"features: {self.features} is not one of {', '.join(map(str, FEATURES))}")
        if self.hidden_width % 8:
            raise FieldError(f"hidden_width: {self.hidden_width} is not a multiple of 8")
        if self.base_resolution > self.max_resolution:
            raise FieldError(
                f"base_resolution: {self.base_resolution} exceeds field.max_resolution: {self.max_resolution}"
            )
        try:
            self.grid(2)
        except ValueError as error:
            raise FieldError(f"log2_table_size: {error}") from None

    def grid(self, dimensions: int) -> GridLayout:
        """Where the levels lie in the table. Raises ValueError for one that is too large."""
        return GridLayout.build(
            self.levels,
            self.log2_table_size,
            self.base_resolution,
            self.max_resolution,
            dimensions=dimensions,
            features=self.features,
        )

    def needed_bytes(self, dimensions: int, samples: int, device: str) -> int:
        """About what such a field takes with its optimiser, for training on ``samples`` at a time."""
        number = 2 if PROFILES[device].half_precision else 4
        entry = self.features * (4 + 4 + 4 + number) + 4  # values, gradients, moments, and what computes
        activations = 2 * self.levels * self.features + 3 * self.hidden_layers * self.hidden_width
        return self.grid(dimensions).entries * entry + samples * number * activations


class _Network(torch.nn.Module):
    """A multilayer perceptron: features [n, in] to values [n, out], in the dtype of the features."""

    def __init__(self, widths: list[int], generator: torch.Generator) -> None:
        super().__init__()
        pairs = itertools.pairwise(widths)
        self.layers = torch.nn.ModuleList([begin_linear(first, second, generator) for first, second in pairs])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        value, last = features, len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            value = layer(value, index < last)
        return value


class CoordinateField:
    """Values [n, out_dims] f32 at points [n, in_dims] f32 of the unit cube. What lies outside counts as the nearest on
    its border."""

    def __init__(
        self,
        config: CoordinateFieldConfig,
        in_dims: int,
        out_dims: int,
        device: str,
        seed: int = 0,
        output: OutputActivation = "none",
    ) -> None:
        """``output``: what is done with the network's outputs."""
        self.config, self.in_dims, self.out_dims, self.device = config, in_dims, out_dims, device
        self.dtype = torch.float16 if PROFILES[device].half_precision else torch.float32
        self._activation = _ACTIVATIONS[output]
        generator = torch.Generator().manual_seed(seed)
        self.encoding = HashEncoding(config.grid(in_dims), "field.table", device, self.dtype, generator)
        widths = [self.encoding.out_dims, *[config.hidden_width] * config.hidden_layers, out_dims]
        self.network = ModuleField(_Network(widths, generator), device, self.dtype)
        self._features = torch.empty(0, self.encoding.out_dims, dtype=self.dtype, device=device)
        self._all = ActiveSamples(*(torch.empty(0, dtype=torch.int32, device=device) for _ in range(2)))

    @torch.no_grad()
    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """The values at ``points``."""
        values = torch.empty(len(points), self.out_dims, device=self.device)
        for part in split_rows(len(points), PROFILES[self.device].chunk_samples):
            values[part] = self._evaluate(self._encode(points[part]))
        return values

    def trace(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The features of ``points`` and the values there, as torch's graph that leads from the first to the second:
        for ``backward``, which a loss of the values goes to."""
        if len(self._features) != len(points):
            self._begin_batch(len(points))
        features = self._features
        self.encoding.forward(points, features)
        features.requires_grad_(True).grad = None
        with torch.enable_grad():
            return features, self._evaluate(features)

    def backward(self, points: torch.Tensor, features: torch.Tensor, loss: torch.Tensor) -> None:
        """Add to the gradients of all parameters those of ``loss``, a number that was made of what ``trace`` gave for
        the same points."""
        loss.backward()
        upstream = features.grad
        assert upstream is not None
        features.requires_grad_(False)
        self.encoding.backward(points, self._all, upstream)

    def gradient(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The values at ``points``, and the gradients [n, in_dims] of the first of them with respect to the point (see
        HashEncoding.position_gradient)."""
        values = torch.empty(len(points), self.out_dims, device=self.device)
        gradients = torch.zeros_like(points)
        for part in split_rows(len(points), PROFILES[self.device].chunk_samples):
            features = self._encode(points[part]).requires_grad_(True)
            with torch.enable_grad():
                found = self._activation(self.network.constant(features).float())
            (upstream,) = torch.autograd.grad(found[:, 0].sum(), features)
            values[part] = found.detach()
            active = _all_of(len(features), self.device)
            self.encoding.position_gradient(points[part], active, upstream, gradients[part])
        return values, gradients

    def frozen(self) -> Self:
        """This field as it is now, for evaluation alone: what it has learnt is a copy."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, encoding=self.encoding.frozen(), network=self.network.frozen())
        return other

    @property
    def frozen_bytes(self) -> int:
        """How much memory ``frozen`` takes."""
        return self.encoding.table.working.nbytes + self.network.frozen_bytes

    def parameters(self) -> list[ParameterGroup]:
        """The table, and the network's weights."""
        return [*self.encoding.parameters(), *self.network.parameters()]

    def state(self) -> dict[str, torch.Tensor]:
        """What was learnt, by name, on the device, not copied."""
        return {self.encoding.table.name: self.encoding.table.values, **self.network.state()}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError when a tensor is missing or of another size."""
        load_tensors(self.state(), state)
        for group in self.parameters():
            group.refresh_working()

    def _encode(self, points: torch.Tensor) -> torch.Tensor:
        features = torch.empty(len(points), self.encoding.out_dims, dtype=self.dtype, device=self.device)
        self.encoding.forward(points, features)
        return features

    def _evaluate(self, features: torch.Tensor) -> torch.Tensor:
        return self._activation(self.network.module(features).float())

    def _begin_batch(self, count: int) -> None:
        self._features = torch.empty(count, self.encoding.out_dims, dtype=self.dtype, device=self.device)
        self._all = _all_of(count, self.device)


def _all_of(count: int, device: str) -> ActiveSamples:
    rows = torch.arange(count, dtype=torch.int32, device=device)
    return ActiveSamples(rows, torch.full((1,), count, dtype=torch.int32, device=device))
