"""A radiance field from any torch module: torch finds the gradients.

A training pass keeps no activations from its forward evaluation. The backward pass evaluates once more, with gradients,
but only the samples that it goes through: far fewer, as most lie behind a surface.
"""

from __future__ import annotations

import abc
import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Self

import torch

from engine.device import PROFILES
from engine.fields.base import SampleBatch
from engine.optimizers.parameters import ParameterGroup, load_tensors
from taichi_kernels.bundles import ActiveSamples, FieldOutputs

# Points, directions, outputs and their gradients.
_SAMPLE_BYTES = 80


class RadianceModule(torch.nn.Module):
    """Raw density and colour at points; ``forward`` gives both. ``dtype``: of these, whatever the parameters' is."""

    dtype = torch.float32

    def density(self, points: torch.Tensor) -> torch.Tensor:
        """Raw densities [n] at ``points`` [n, 3] in the unit cube."""
        raise NotImplementedError

    def forward(self, points: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Raw densities [n] and colours [n, 3] at ``points``, seen along unit ``directions`` [n, 3]."""
        raise NotImplementedError


@dataclasses.dataclass
class AutogradWork:
    """``outputs`` and ``directions`` [n, 3] of a batch's samples."""

    outputs: FieldOutputs
    directions: torch.Tensor

    def first(self, n: int) -> AutogradWork:
        """Views of the first ``n`` samples'."""
        return AutogradWork(self.outputs.first(n), self.directions[:n])


class ModuleField:
    """The parameters of a torch module, all of which are one group: rows of one number, so that each has a second
    moment of its own. Its buffers, as a running mean, are saved with them, but for those that aren't persistent."""

    def __init__(self, module: torch.nn.Module, device: str, dtype: torch.dtype) -> None:
        """``dtype``: of what the module gives."""
        self.device, self.dtype = device, dtype
        self._profile = PROFILES[device]
        if self._profile.tensor_float_32:
            torch.set_float32_matmul_precision("high")
        self.module = module.to(device)
        flat = torch.cat([parameter.detach().reshape(-1) for parameter in module.parameters()])
        self.weights = ParameterGroup.begin("field.weights", flat[:, None].contiguous(), flat.dtype)
        _bind(self.module, self.weights.values, self.weights.gradients)

    def constant(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the module makes of ``inputs``, in a graph that leads to these alone: gradients of the weights aren't
        computed."""
        weights = {name: parameter.detach() for name, parameter in self.module.named_parameters()}
        outputs: torch.Tensor = torch.func.functional_call(self.module, weights, (inputs,))
        return outputs

    def frozen(self) -> Self:
        """As RadianceField.frozen."""
        other = copy.copy(self)
        other.weights = self.weights.frozen()
        other.module = copy.deepcopy(self.module)  # the buffers with it
        _bind(other.module, other.weights.values, None)
        return other

    @property
    def frozen_bytes(self) -> int:
        return self.weights.values.nbytes + sum(buffer.nbytes for buffer in self.module.buffers())

    def parameters(self) -> list[ParameterGroup]:
        """The module's, as one group."""
        return [self.weights]

    def state(self) -> dict[str, torch.Tensor]:
        """As RadianceField.state."""
        trained = {name for name, _ in self.module.named_parameters(remove_duplicate=False)}
        kept = {name: tensor for name, tensor in self.module.state_dict().items() if name not in trained}
        return {self.weights.name: self.weights.values, **{f"field.buffers.{name}": kept[name] for name in kept}}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """As RadianceField.load_state."""
        load_tensors(self.state(), state)


class EvaluatedField(ModuleField, abc.ABC):
    """RadianceField whose densities and colours torch computes from parameters; how, is its subclasses' matter."""

    @abc.abstractmethod
    def _density(self, points: torch.Tensor) -> torch.Tensor:
        """As RadianceModule.density."""

    @abc.abstractmethod
    def _evaluate(self, points: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As RadianceModule.forward."""

    @staticmethod
    def needed_bytes(samples: int, activations: int, device: str) -> int:
        """About what batches for training on ``samples`` take, with a module of so many ``activations`` a sample, as
        if they were float32."""
        return samples * _SAMPLE_BYTES + min(samples, PROFILES[device].chunk_samples) * 2 * 4 * activations

    def allocate(self, capacity: int, for_training: bool = False) -> SampleBatch[AutogradWork]:
        """As RadianceField.allocate."""
        outputs = FieldOutputs.allocate(capacity, self.device, self.dtype)
        work = AutogradWork(outputs, torch.zeros(capacity, 3, device=self.device))
        return SampleBatch.allocate(capacity, self.device, work)

    @torch.no_grad()
    def density(self, batch: SampleBatch[Any]) -> torch.Tensor:
        """As RadianceField.density."""
        outputs: FieldOutputs = batch.work.outputs
        for part in self._chunks(batch.capacity):
            outputs.densities[part] = self._density(batch.points[part])
        return outputs.density_rows

    @torch.no_grad()
    def forward(self, batch: SampleBatch[Any], rays_d: torch.Tensor, count: torch.Tensor | None = None) -> FieldOutputs:
        """As RadianceField.forward. Waits for the device when there is a ``count``: evaluating more samples than there
        are takes longer."""
        samples = batch.capacity if count is None else min(int(count), batch.capacity)
        work: AutogradWork = batch.work
        for part in self._chunks(samples):
            directions = torch.index_select(rays_d, 0, batch.sample_rays[part], out=work.directions[part])
            work.outputs.densities[part], work.outputs.colors[part] = self._evaluate(batch.points[part], directions)
        return work.outputs

    def backward(self, batch: SampleBatch[Any], active: ActiveSamples, gradients: FieldOutputs) -> None:
        """As RadianceField.backward. Waits for the device."""
        rows = active.rows[: int(active.count)]
        for part in self._chunks(len(rows)):
            samples = rows[part]
            with torch.enable_grad():
                outputs = self._evaluate(batch.points[samples], batch.work.directions[samples])
                torch.autograd.backward(outputs, (gradients.densities[samples], gradients.colors[samples]))

    def _chunks(self, samples: int) -> Iterator[slice]:
        return split_rows(samples, self._profile.chunk_samples)


class AutogradField(EvaluatedField):
    """RadianceField of a module."""

    def __init__(self, module: RadianceModule, device: str) -> None:
        super().__init__(module, device, module.dtype)
        self.module: RadianceModule

    def _density(self, points: torch.Tensor) -> torch.Tensor:
        return self.module.density(points)

    def _evaluate(self, points: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        outputs: tuple[torch.Tensor, torch.Tensor] = self.module(points, directions)
        return outputs


def split_rows(count: int, size: int) -> Iterator[slice]:
    """``count`` rows in parts of ``size``, the last one of fewer."""
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def _bind(module: torch.nn.Module, values: torch.Tensor, gradients: torch.Tensor | None) -> None:
    """Have the parameters of ``module`` be views of ``values`` [count, 1], and their gradients of ``gradients``."""
    first = 0
    for parameter in module.parameters():
        part = slice(first, first + parameter.numel())
        parameter.data = values[part].view(parameter.shape)
        parameter.grad = None if gradients is None else gradients[part].view(parameter.shape)
        first = part.stop
