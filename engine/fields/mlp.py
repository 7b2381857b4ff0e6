"""The hash grid's two small networks, with gradients written by hand.

As in Instant-NGP (section 5.4): a density network with one hidden layer whose 16 outputs are the raw density (first)
and features for the colour network, which also sees the view direction's spherical harmonics. No biases. Weights are
float32; on CUDA a float16 working copy computes.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import Any, Protocol, Self

import torch

from engine.optimizers.parameters import ParameterGroup
from taichi_kernels.bundles import COLOR_COLUMNS, ActiveSamples, FieldOutputs
from taichi_kernels.spherical_harmonics import SH_VALUES, encode_directions

GEOMETRY_VALUES = 16
COLOR_INPUTS = GEOMETRY_VALUES + SH_VALUES
# Their rate stays at this where the table's is higher: every sample of a step moves them, few move an entry.
FASTEST_NETWORKS = 1e-2
# Width of the optimiser's rows over the flat weights.
_ROW = 4


@dataclasses.dataclass(frozen=True)
class NetworksShape:
    """``inputs``: features of a sample; ``width``: of hidden layers; ``color_layers``: hidden ones of the colour
    network."""

    inputs: int
    width: int
    color_layers: int

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """The shapes of the matrices, in the order they lie in the weights."""
        first = [(self.inputs, self.width), (self.width, GEOMETRY_VALUES), (COLOR_INPUTS, self.width)]
        return [*first, *[(self.width, self.width)] * (self.color_layers - 1), (self.width, COLOR_COLUMNS)]

    def split(self, weights: torch.Tensor) -> list[torch.Tensor]:
        """Views of each matrix in ``weights``, of any shape."""
        sizes = [rows * columns for rows, columns in self.matrices]
        return [part.view(shape) for part, shape in zip(weights.view(-1).split(sizes), self.matrices, strict=True)]

    def begin(self, device: str, dtype: torch.dtype, generator: torch.Generator) -> ParameterGroup:
        """Fresh weights."""
        flat = torch.empty(sum(rows * columns for rows, columns in self.matrices))
        for matrix in self.split(flat):
            # Glorot and Bengio 2010.
            bound = math.sqrt(6.0 / sum(matrix.shape))
            matrix.uniform_(-bound, bound, generator=generator)
        return ParameterGroup.begin("field.weights", flat.view(-1, _ROW).to(device), dtype, FASTEST_NETWORKS)


class NetworksWork(Protocol):
    """What networks keep of a batch. ``features`` [n, inputs] are written by the encoding."""

    features: torch.Tensor

    def first(self, n: int) -> Self:
        """Views of the first ``n`` samples'."""


class FieldNetworks(Protocol):
    """Density and colour network over grid features. ``weights``: of both."""

    weights: ParameterGroup

    def frozen(self) -> Self:
        """These networks as they are now, for evaluation alone."""

    def allocate(self, capacity: int, for_training: bool) -> Any:
        """NetworksWork for ``capacity`` samples."""

    def forward_density(self, work: Any) -> torch.Tensor:
        """Raw densities of ``work.features``, as FieldOutputs.density_rows."""

    def forward(
        self, work: Any, rays_d: torch.Tensor, sample_rays: torch.Tensor, count: torch.Tensor | None = None
    ) -> FieldOutputs:
        """Raw densities and colours of ``work.features``.

        ``rays_d`` [rays, 3] unit directions, looked up by ``sample_rays`` [n] int32. Samples from ``count`` [1] int32
        on may be left as they are, if that is given.
        """

    def backward(
        self, work: Any, sample_rays: torch.Tensor, active: ActiveSamples, gradients: FieldOutputs
    ) -> torch.Tensor:
        """Add to the weights' gradients, which the optimiser zeroes, and give d loss / d features of the ``active``
        samples, after ``forward`` with the same ``work`` and ``sample_rays``. Returns [active samples or more, inputs],
        part of ``work``: row i is of sample ``active.rows[i]``."""


@dataclasses.dataclass
class Activations:
    """Everything a forward pass leaves behind, for a number of samples; allocated once, reused every step.

    ``color_inputs`` [n, 32] holds the density network's output (column 0: raw density) beside the harmonics.
    """

    features: torch.Tensor
    density_hidden: torch.Tensor
    color_inputs: torch.Tensor
    color_hidden: list[torch.Tensor]
    raw_colors: torch.Tensor

    def first(self, n: int) -> Activations:
        """Views of the first ``n`` rows."""
        return Activations(
            self.features[:n],
            self.density_hidden[:n],
            self.color_inputs[:n],
            [hidden[:n] for hidden in self.color_hidden],
            self.raw_colors[:n],
        )


@dataclasses.dataclass
class Scratch:
    """What a backward pass needs besides: the activations of the active samples, and the gradients of these."""

    active: Activations
    gradients: Activations


@dataclasses.dataclass
class MatrixWork:
    """The activations of a batch; ``scratch`` for training only."""

    activations: Activations
    scratch: Scratch | None

    @property
    def features(self) -> torch.Tensor:
        return self.activations.features

    def first(self, n: int) -> MatrixWork:
        """Views of the first ``n`` samples'; the scratch is shared."""
        return MatrixWork(self.activations.first(n), self.scratch)


class MatrixNetworks:
    """FieldNetworks as torch's products of matrices: any shape, any device."""

    def __init__(self, shape: NetworksShape, device: str, dtype: torch.dtype, generator: torch.Generator) -> None:
        self.shape, self.device, self.dtype = shape, device, dtype
        self.weights = shape.begin(device, dtype, generator)
        self._matrices = shape.split(self.weights.working)
        self._gradient_matrices = shape.split(self.weights.gradients)

    def frozen(self) -> Self:
        """As FieldNetworks.frozen."""
        other = copy.copy(self)
        other.weights = self.weights.frozen()
        other._matrices = self.shape.split(other.weights.working)
        return other

    def allocate(self, capacity: int, for_training: bool) -> MatrixWork:
        """As FieldNetworks.allocate."""
        scratch = Scratch(self._allocate(capacity), self._allocate(capacity)) if for_training else None
        return MatrixWork(self._allocate(capacity), scratch)

    def _allocate(self, capacity: int) -> Activations:
        def rows(columns: int) -> torch.Tensor:
            return torch.zeros(capacity, columns, device=self.device, dtype=self.dtype)

        width = self.shape.width
        hidden = [rows(width) for _ in range(self.shape.color_layers)]
        return Activations(rows(self.shape.inputs), rows(width), rows(COLOR_INPUTS), hidden, rows(COLOR_COLUMNS))

    def forward_density(self, work: MatrixWork) -> torch.Tensor:
        """As FieldNetworks.forward_density; what the colour network needs is left in ``work``."""
        a, (first, second) = work.activations, self._matrices[:2]
        torch.mm(a.features, first, out=a.density_hidden).relu_()
        torch.mm(a.density_hidden, second, out=a.color_inputs[:, :GEOMETRY_VALUES])
        return a.color_inputs

    def forward(
        self, work: MatrixWork, rays_d: torch.Tensor, sample_rays: torch.Tensor, count: torch.Tensor | None = None
    ) -> FieldOutputs:
        """As FieldNetworks.forward."""
        a, densities = work.activations, self.forward_density(work)
        encode_directions(rays_d, sample_rays, a.color_inputs, GEOMETRY_VALUES)
        value = a.color_inputs
        for matrix, hidden in zip(self._matrices[2:-1], a.color_hidden, strict=True):
            value = torch.mm(value, matrix, out=hidden).relu_()
        return FieldOutputs(densities, torch.mm(value, self._matrices[-1], out=a.raw_colors))

    def backward(
        self, work: MatrixWork, sample_rays: torch.Tensor, active: ActiveSamples, gradients: FieldOutputs
    ) -> torch.Tensor:
        """As FieldNetworks.backward. Waits for the device."""
        assert work.scratch is not None, "allocated for training"
        rows = active.rows[: int(active.count)]
        a, grad = _gather(work.activations, rows, work.scratch.active), work.scratch.gradients.first(len(rows))
        upstream = torch.index_select(gradients.color_rows, 0, rows, out=grad.raw_colors)
        values = [a.color_inputs, *a.color_hidden]
        buffers = [grad.color_inputs, *grad.color_hidden]
        for layer in reversed(range(len(values))):
            self._accumulate(2 + layer, values[layer], upstream)
            torch.mm(upstream, self._matrices[2 + layer].t(), out=buffers[layer])
            if layer > 0:
                _relu_backward(buffers[layer], values[layer])
            upstream = buffers[layer]
        geometry = grad.color_inputs[:, :GEOMETRY_VALUES]
        geometry[:, 0] += gradients.densities[rows]
        self._accumulate(1, a.density_hidden, geometry)
        torch.mm(geometry, self._matrices[1].t(), out=grad.density_hidden)
        _relu_backward(grad.density_hidden, a.density_hidden)
        self._accumulate(0, a.features, grad.density_hidden)
        return torch.mm(grad.density_hidden, self._matrices[0].t(), out=grad.features)

    def _accumulate(self, index: int, value: torch.Tensor, upstream: torch.Tensor) -> None:
        if value.dtype == torch.float32:
            product = torch.mm(value.t(), upstream)
        else:
            # Sums over a quarter million samples overflow float16: accumulate in float32.
            product = torch.mm(value.t(), upstream, out_dtype=torch.float32)
        self._gradient_matrices[index].add_(product)


def _gather(a: Activations, rows: torch.Tensor, into: Activations) -> Activations:
    """The activations of ``rows``, but for the raw colours, which no gradient needs."""
    result = into.first(len(rows))
    sources = [a.features, a.density_hidden, a.color_inputs, *a.color_hidden]
    targets = [result.features, result.density_hidden, result.color_inputs, *result.color_hidden]
    for source, target in zip(sources, targets, strict=True):
        torch.index_select(source, 0, rows, out=target)
    return result


def _relu_backward(grad: torch.Tensor, activated: torch.Tensor) -> None:
    torch.ops.aten.threshold_backward.grad_input(grad, activated, 0, grad_input=grad)
