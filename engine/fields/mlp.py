"""The field's two small networks, with gradients written by hand.

As in Instant-NGP (section 5.4): a density network with one hidden layer whose 16 outputs are the raw density (first)
and features for the colour network, which also sees the view direction's spherical harmonics. No biases. Weights are
float32; on CUDA a float16 mirror computes.
"""

from __future__ import annotations

import dataclasses
import math

import torch

from taichi_kernels.adam import adam_step
from taichi_kernels.spherical_harmonics import SH_VALUES, encode_directions

GEOMETRY_VALUES = 16
COLOR_INPUTS = GEOMETRY_VALUES + SH_VALUES
# Raw colours are padded to four columns, so that a sample's row is one aligned read.
COLOR_OUTPUTS = 4
# Width of the Adam kernel's rows over the flat weights.
_ADAM_COLUMNS = 4


@dataclasses.dataclass
class Activations:
    """Everything a forward pass leaves behind, for ``capacity`` samples; allocated once, reused every step.

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
    """What a backward pass needs besides: the activations of the samples that teach, and the gradients of these."""

    taught: Activations
    gradients: Activations


class FieldNetworks:
    """Density and colour network over grid features [n, inputs]."""

    def __init__(
        self, inputs: int, width: int, color_layers: int, device: str, dtype: torch.dtype, generator: torch.Generator
    ) -> None:
        self.inputs, self.width, self.device, self.dtype = inputs, width, device, dtype
        shapes = [(inputs, width), (width, GEOMETRY_VALUES), (COLOR_INPUTS, width)]
        shapes += [(width, width)] * (color_layers - 1) + [(width, COLOR_OUTPUTS)]
        count = sum(rows * columns for rows, columns in shapes)
        flat = torch.empty(count)
        for matrix in _split(flat, shapes):
            # Glorot and Bengio 2010.
            bound = math.sqrt(6.0 / sum(matrix.shape))
            matrix.uniform_(-bound, bound, generator=generator)
        self.weights = flat.to(device)
        self.gradients = torch.zeros_like(self.weights)
        self.moments = torch.zeros(count // _ADAM_COLUMNS, _ADAM_COLUMNS + 1, device=device)
        self.mirror = self.weights if dtype == torch.float32 else self.weights.to(dtype)
        self._matrices = _split(self.mirror, shapes)
        self._gradient_matrices = _split(self.gradients, shapes)

    def allocate(self, capacity: int) -> Activations:
        """Buffers for ``capacity`` samples."""

        def rows(columns: int) -> torch.Tensor:
            return torch.zeros(capacity, columns, device=self.device, dtype=self.dtype)

        hidden = [rows(self.width) for _ in range(len(self._matrices) - 3)]
        return Activations(rows(self.inputs), rows(self.width), rows(COLOR_INPUTS), hidden, rows(COLOR_OUTPUTS))

    def forward_density(self, a: Activations) -> torch.Tensor:
        """Raw densities [n, any] of ``a.features``, in column 0; what the colour network needs is left in ``a``."""
        first, second = self._matrices[:2]
        torch.mm(a.features, first, out=a.density_hidden).relu_()
        torch.mm(a.density_hidden, second, out=a.color_inputs[:, :GEOMETRY_VALUES])
        return a.color_inputs

    def forward_color(self, a: Activations) -> torch.Tensor:
        """Raw colours [n, 4] (three count) from ``a.color_inputs``, whose harmonics must be filled in."""
        value = a.color_inputs
        for matrix, hidden in zip(self._matrices[2:-1], a.color_hidden, strict=True):
            value = torch.mm(value, matrix, out=hidden).relu_()
        return torch.mm(value, self._matrices[-1], out=a.raw_colors)

    def forward(
        self, a: Activations, rays_d: torch.Tensor, sample_rays: torch.Tensor, count: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Raw densities [n, any] (column 0 counts) and raw colours [n, 4] (three count) of ``a.features``.

        ``rays_d`` [rays, 3] unit directions, looked up by ``sample_rays`` [n] int32. Samples from ``count`` [1] int32
        on may be left as they are, if that is given.
        """
        densities = self.forward_density(a)
        encode_directions(rays_d, sample_rays, a.color_inputs, GEOMETRY_VALUES)
        return densities, self.forward_color(a)

    def allocate_scratch(self, capacity: int) -> Scratch:
        """What ``backward`` works in, for at most ``capacity`` samples that teach."""
        return Scratch(self.allocate(capacity), self.allocate(capacity))

    def backward(
        self,
        a: Activations,
        rows: torch.Tensor,
        row_count: torch.Tensor,
        sample_rays: torch.Tensor,
        grad_raw_densities: torch.Tensor,
        grad_raw_colors: torch.Tensor,
        scratch: Scratch,
    ) -> torch.Tensor:
        """The weights' gradients (replacing the last ones) and d loss / d features, of the samples that ``rows`` lists.

        ``a``: what the forward pass left, ``sample_rays``: as given to it; ``rows`` int32, of which the first
        ``row_count`` [1] int32 count; ``grad_raw_densities`` [n] and ``grad_raw_colors`` [n, 4] (three count, the
        fourth must be 0) of all samples. Returns [row_count, inputs], part of ``scratch``.
        """
        rows = rows[: int(row_count)]
        a, grad = _gather(a, rows, scratch.taught), scratch.gradients.first(len(rows))
        upstream = torch.index_select(grad_raw_colors, 0, rows, out=grad.raw_colors)
        values = [a.color_inputs, *a.color_hidden]
        buffers = [grad.color_inputs, *grad.color_hidden]
        for layer in reversed(range(len(values))):
            self._accumulate(2 + layer, values[layer], upstream)
            torch.mm(upstream, self._matrices[2 + layer].t(), out=buffers[layer])
            if layer > 0:
                _relu_backward(buffers[layer], values[layer])
            upstream = buffers[layer]
        geometry = grad.color_inputs[:, :GEOMETRY_VALUES]
        geometry[:, 0] += grad_raw_densities[rows]
        self._accumulate(1, a.density_hidden, geometry)
        torch.mm(geometry, self._matrices[1].t(), out=grad.density_hidden)
        _relu_backward(grad.density_hidden, a.density_hidden)
        self._accumulate(0, a.features, grad.density_hidden)
        return torch.mm(grad.density_hidden, self._matrices[0].t(), out=grad.features)

    def step(self, rate: float, gradient_scale: float, weight_decay: float) -> None:
        """One Adam step on all weights."""
        adam_step(
            self.weights.view(-1, _ADAM_COLUMNS),
            self.gradients.view(-1, _ADAM_COLUMNS),
            self.moments,
            self.mirror.view(-1, _ADAM_COLUMNS),
            rate,
            gradient_scale,
            weight_decay,
        )

    def _accumulate(self, index: int, value: torch.Tensor, upstream: torch.Tensor) -> None:
        out = self._gradient_matrices[index]
        if value.dtype == torch.float32:
            torch.mm(value.t(), upstream, out=out)
        else:
            # Sums over a quarter million samples overflow float16: accumulate and store in float32.
            out.copy_(torch.mm(value.t(), upstream, out_dtype=torch.float32))


def _split(flat: torch.Tensor, shapes: list[tuple[int, int]]) -> list[torch.Tensor]:
    sizes = [rows * columns for rows, columns in shapes]
    return [part.view(shape) for part, shape in zip(flat.split(sizes), shapes, strict=True)]


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
