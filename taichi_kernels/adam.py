"""Adam for tables of which a step touches only a part."""

import taichi as ti
import torch


@ti.kernel
def _adam_step(
    rows: ti.i32,
    columns: ti.template(),
    rate: ti.f32,
    beta1: ti.f32,
    beta2: ti.f32,
    epsilon: ti.f32,
    gradient_scale: ti.f32,
    parameters: ti.types.ndarray(),
    gradients: ti.types.ndarray(),
    moments: ti.types.ndarray(),
    mirror: ti.types.ndarray(),
):
    for row in range(rows):
        touched = 0.0
        for k in ti.static(range(columns)):
            touched += ti.abs(gradients[row, k])
        if touched > 0.0:
            for k in ti.static(range(columns)):
                g = gradients[row, k] * gradient_scale
                gradients[row, k] = 0.0
                m = beta1 * moments[row, k] + (1.0 - beta1) * g
                v = beta2 * moments[row, columns + k] + (1.0 - beta2) * g * g
                moments[row, k] = m
                moments[row, columns + k] = v
                value = parameters[row, k] - rate * m / (ti.sqrt(v) + epsilon)
                parameters[row, k] = value
                mirror[row, k] = value


def adam_step(
    parameters: torch.Tensor,
    gradients: torch.Tensor,
    moments: torch.Tensor,
    mirror: torch.Tensor,
    rate: float,
    gradient_scale: float = 1.0,
    beta1: float = 0.9,
    beta2: float = 0.99,
    epsilon: float = 1e-15,
) -> None:
    """One Adam step (Kingma and Ba 2015) on the rows of ``parameters`` [rows, columns] f32 whose gradient isn't zero.

    Rows without a gradient keep their moments (as Instant-NGP does: a hash entry nobody saw should not drift), and the
    gradient is zeroed on the way. ``moments`` [rows, 2 * columns] f32 (first, then second); ``mirror`` [rows, columns]
    gets a copy of the new values in its own dtype (it may be ``parameters`` itself). No bias correction: with betas
    0.9 and 0.99 the first step's m / sqrt(v) is 0.1 / sqrt(0.01) = 1 already, which is what the correction is for.
    """
    _adam_step(
        parameters.shape[0], parameters.shape[1], rate, beta1, beta2, epsilon, gradient_scale,
        parameters, gradients, moments, mirror,
    )  # fmt: skip
