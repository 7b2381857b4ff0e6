"""What a radiance field is to those that train, render and save it."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Generic, Protocol, Self, TypeVar

import torch

from engine.optimizers.parameters import ParameterGroup
from taichi_kernels.bundles import ActiveSamples, FieldOutputs, Samples, allocate_samples


class FieldError(ValueError):
    """A setting of a field that can't be used; the message begins with its name."""


class Workspace(Protocol):
    """What a field keeps of a batch besides the samples: activations, and what a backward pass works in."""

    def first(self, n: int) -> Self:
        """Views of the first ``n`` samples'."""


W_co = TypeVar("W_co", bound=Workspace, covariant=True)
W = TypeVar("W", bound=Workspace)


@dataclasses.dataclass(eq=False)
class SampleBatch(Samples, Generic[W_co]):
    """Packed samples and all that evaluating them needs, for a fixed capacity. ``work`` belongs to the field that
    allocated the batch."""

    work: W_co

    @staticmethod
    def allocate(capacity: int, device: str, work: W) -> SampleBatch[W]:
        """Buffers for ``capacity`` samples."""
        samples = allocate_samples(capacity, device)
        return SampleBatch(samples.points, samples.distances, samples.sample_rays, work)

    def first(self, n: int) -> Self:
        """Views of the first ``n`` samples."""
        return type(self)(self.points[:n], self.distances[:n], self.sample_rays[:n], self.work.first(n))


class RadianceField(Protocol):
    """Density and colour at points of the unit cube. ``dtype``: of its outputs, and of the gradients it takes."""

    device: str
    dtype: torch.dtype

    def allocate(self, capacity: int, for_training: bool = False) -> SampleBatch[Workspace]:
        """Buffers to march into and evaluate from; with what ``backward`` needs only ``for_training``."""

    def density(self, batch: SampleBatch[Workspace]) -> torch.Tensor:
        """Raw densities at ``batch.points``, as FieldOutputs.density_rows."""

    def forward(
        self, batch: SampleBatch[Workspace], rays_d: torch.Tensor, count: torch.Tensor | None = None
    ) -> FieldOutputs:
        """What the samples of ``batch`` look like along the unit directions ``rays_d`` [rays, 3] f32.

        ``count`` [1] int32, if given, tells on the device how many of the samples matter.
        """

    def backward(self, batch: SampleBatch[Workspace], active: ActiveSamples, gradients: FieldOutputs) -> None:
        """Add to the gradients of all parameters, which the optimiser zeroes (see ParameterGroup), after ``forward`` of
        the same batch. ``gradients`` [n] are those of the loss in its outputs; only the rows of ``active`` samples
        count."""

    def parameters(self) -> list[ParameterGroup]:
        """What an optimiser is to move."""

    def state(self) -> dict[str, torch.Tensor]:
        """What was learnt, by name, on the device, not copied."""

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError when a tensor is missing or of another size."""

    def frozen(self) -> Self:
        """This field as it is now, for evaluation alone: what it has learnt is a copy."""

    @property
    def frozen_bytes(self) -> int:
        """How much memory ``frozen`` takes."""


@dataclasses.dataclass(frozen=True)
class FieldConfig(abc.ABC):
    """The size of a field of one kind: numbers, each with ``Limits``."""

    kind: ClassVar[str]

    @property
    @abc.abstractmethod
    def summary(self) -> str:
        """The size as text, for reports."""

    @abc.abstractmethod
    def check(self) -> None:
        """Raises FieldError for numbers that don't go together, each of them being within its limits."""

    @abc.abstractmethod
    def fit(self, growth: float, finest: float) -> Self:
        """The size for a unit cube ``growth`` times as large as what views show of the bounds' longest edge, where they
        show no more than ``finest`` cells (0: not known)."""

    @abc.abstractmethod
    def needed_bytes(self, samples: int, device: str) -> int:
        """About what such a field takes with its optimiser, and with batches for training on ``samples``."""


@dataclasses.dataclass(frozen=True)
class SampledFieldConfig(FieldConfig):
    """The configuration of a RadianceField."""

    @abc.abstractmethod
    def build(self, device: str, seed: int) -> RadianceField:
        """A field of this size."""
