"""Backpropagates a part of a step's samples, drawn by how much they have to say.

Most samples of a ray lie before its surface or just behind it, and most rays are matched already: their gradients are
small. Each sample is kept with a probability in proportion to its gradient, and a kept one counts for those like it
that were not: the expected gradient is the same (importance sampling), and a backward pass has half of the samples.
"""

from __future__ import annotations

import torch

from taichi_kernels.bundles import ActiveSamples, FieldOutputs
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.torch_functions.random_numbers import uniform

# No sample is kept less often: what its gradient says grows with the inverse.
_LEAST_PROBABILITY = 0.1


def draw_gradients(active: ActiveSamples, gradients: FieldOutputs, threshold: float, seed: int, step: int) -> None:
    """Keep some of the ``active`` samples, and divide their ``gradients`` by the probability of that.

    ``active`` is overwritten, in the same order; ``gradients`` are changed in the rows that are kept. A gradient, as
    the sum of its absolute values, of ``threshold`` times their mean is kept for certain. Waits for the device.
    """
    listed = active.rows[: int(active.count)].long()
    densities, colors = gradients.densities[listed], gradients.color_rows[listed]
    sizes = densities.abs() + colors.abs().sum(1)
    certain = (threshold * sizes.mean()).clamp(min=torch.finfo(sizes.dtype).tiny)
    probabilities = (sizes / certain).clamp(_LEAST_PROBABILITY, 1.0)
    is_kept = uniform(seed, step, listed, RandomStream.KEPT_SAMPLE) < probabilities
    kept = listed[is_kept]
    weights = 1.0 / probabilities[is_kept]
    gradients.densities[kept] = densities[is_kept] * weights
    gradients.color_rows[kept] = colors[is_kept] * weights[:, None]
    active.rows[: len(kept)] = kept.int()
    active.count.fill_(len(kept))
