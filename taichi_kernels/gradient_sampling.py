"""Backpropagates a part of a step's samples, drawn by how much they have to say.

Most samples of a ray lie before its surface or just behind it, and most rays are matched already: their gradients are
small. Each sample is kept with a probability in proportion to its gradient, and a kept one counts for those like it
that were not: the expected gradient is the same (importance sampling), and a backward pass has half of the samples.
"""

import taichi as ti
import torch

from taichi_kernels.bundles import ActiveSamples, ActiveSampleTensors, FieldOutputs
from taichi_kernels.launch import func, kernel
from taichi_kernels.random_numbers import RandomStream, uniform
from taichi_kernels.torch_functions import random_numbers as torch_random_numbers

# No sample is kept less often: what its gradient says grows with the inverse.
LEAST_PROBABILITY = 0.1
_TINY = torch.finfo(torch.float32).tiny


@func
def _size(densities: ti.template(), colors: ti.template(), row: ti.i32) -> ti.f32:
    size = ti.abs(densities[row, 0])
    for column in ti.static(range(4)):
        size += ti.abs(colors[row, column])
    return size


@kernel
def _draw_gradients(
    threshold: ti.f32,
    seed: ti.i32,
    step: ti.i32,
    active: ActiveSampleTensors,
    densities: ti.types.ndarray(),
    colors: ti.types.ndarray(),
    total: ti.types.ndarray(),
):
    # One thread, in order: it takes as long as a few of torch's operations on as many numbers.
    ti.loop_config(serialize=True)
    for k in range(active.count[0]):
        total[0] = total[0] + _size(densities, colors, active.rows[k])
    ti.loop_config(serialize=True)
    for _ in range(1):
        certain = ti.max(threshold * total[0] / ti.max(active.count[0], 1), _TINY)
        kept = 0
        for k in range(active.count[0]):
            row = active.rows[k]
            probability = ti.math.clamp(_size(densities, colors, row) / certain, LEAST_PROBABILITY, 1.0)
            if uniform(seed, step, row, RandomStream.KEPT_SAMPLE) < probability:
                densities[row, 0] /= probability
                for column in ti.static(range(4)):
                    colors[row, column] /= probability
                active.rows[kept] = row
                kept += 1
        active.count[0] = kept


def draw_gradients(active: ActiveSamples, gradients: FieldOutputs, threshold: float, seed: int, step: int) -> None:
    """Keep some of the ``active`` samples, and divide their ``gradients`` by the probability of that.

    ``active`` is overwritten, in the same order; ``gradients`` are changed in the rows that are kept. A gradient, as
    the sum of its absolute values, of ``threshold`` times their mean is kept for certain. Waits for a GPU.
    """
    if active.rows.is_cuda:
        _draw_with_torch(active, gradients, threshold, seed, step)
    else:
        total = torch.zeros(1)
        _draw_gradients(threshold, seed, step, active, gradients.density_rows, gradients.color_rows, total)


def _draw_with_torch(active: ActiveSamples, gradients: FieldOutputs, threshold: float, seed: int, step: int) -> None:
    """Draw the gradients of all samples at once, as the kernel does one by one."""
    listed = active.rows[: int(active.count)].long()
    densities, colors = gradients.densities[listed], gradients.color_rows[listed]
    sizes = densities.abs() + colors.abs().sum(1)
    certain = (threshold * sizes.mean()).clamp(min=torch.finfo(sizes.dtype).tiny)
    probabilities = (sizes / certain).clamp(LEAST_PROBABILITY, 1.0)
    is_kept = torch_random_numbers.uniform(seed, step, listed, RandomStream.KEPT_SAMPLE) < probabilities
    kept = listed[is_kept]
    weights = 1.0 / probabilities[is_kept]
    gradients.densities[kept] = densities[is_kept] * weights
    gradients.color_rows[kept] = colors[is_kept] * weights[:, None]
    active.rows[: len(kept)] = kept.int()
    active.count.fill_(len(kept))
