"""Row Adam: Adam with one second moment for each row of a table, of which a step moves only rows with a gradient."""

import taichi as ti
import torch

from taichi_kernels.launch import kernel

# How much of the first and of the second moment each step keeps, and what the latter's root is never less than.
BETA1, BETA2, EPSILON = 0.9, 0.99, 1e-15
# A squared gradient beyond this isn't one: an overflow, or not a number. Such a row waits for its next gradient.
_LARGEST = 1e30


@kernel
def _row_adam_step(
    columns: ti.template(),
    rate: ti.f32,
    beta1: ti.f32,
    beta2: ti.f32,
    epsilon: ti.f32,
    gradient_scale: ti.f32,
    weight_decay: ti.f32,
    parameters: ti.types.ndarray(),
    gradients: ti.types.ndarray(),
    moments: ti.types.ndarray(),
    working: ti.types.ndarray(),
):
    ti.loop_config(block_dim=256)
    for row in range(parameters.shape[0]):
        square = 0.0
        for k in ti.static(range(columns)):
            square += gradients[row, k] * gradients[row, k]
        if not square < _LARGEST:
            for k in ti.static(range(columns)):
                gradients[row, k] = 0.0
        elif square > 0.0:
            square = 0.0
            for k in ti.static(range(columns)):
                gradient = gradient_scale * gradients[row, k] + weight_decay * parameters[row, k]
                gradients[row, k] = gradient
                square += gradient * gradient
            v = beta2 * moments[row, columns] + (1.0 - beta2) * square / columns
            moments[row, columns] = v
            scaled_rate = rate / (ti.sqrt(v) + epsilon)
            for k in ti.static(range(columns)):
                m = beta1 * moments[row, k] + (1.0 - beta1) * gradients[row, k]
                gradients[row, k] = 0.0
                moments[row, k] = m
                value = parameters[row, k] - scaled_rate * m
                parameters[row, k] = value
                working[row, k] = value


def row_adam_step(
    parameters: torch.Tensor,
    gradients: torch.Tensor,
    moments: torch.Tensor,
    working: torch.Tensor,
    rate: float,
    gradient_scale: float = 1.0,
    weight_decay: float = 0.0,
) -> None:
    """One Adam step (Kingma and Ba 2015) on the rows of ``parameters`` [rows, columns] f32 whose gradient isn't zero,
    with the gradient of ``weight_decay`` / 2 times the row's square added to ``gradient_scale`` times ``gradients``.

    Rows without a gradient, or with one that isn't finite, keep their moments (as Instant-NGP does: a hash entry that
    no sample met should not drift), and the gradient is zeroed on the way. The second moment is one number a row, of
    the mean square over its columns: a third less memory to touch, one square root instead of four, and no worse a
    picture. ``moments`` [rows, columns + 1] f32 (first moments, then the second); ``working`` [rows, columns] gets a
    copy of the new values in its own dtype (it may be ``parameters`` itself). No bias correction: with betas 0.9 and
    0.99 the first step's m / sqrt(v) is 0.1 / sqrt(0.01) = 1 already, which is what the correction is for.
    """
    _row_adam_step(
        parameters.shape[1], rate, BETA1, BETA2, EPSILON, gradient_scale, weight_decay,
        parameters, gradients, moments, working,
    )  # fmt: skip
