"""What rays are compared by, as ``taichi_kernels.compositing`` has it (see its RayLoss), differentiable."""

from __future__ import annotations

import torch

from taichi_kernels.compositing import HUBER_DELTA
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.torch_functions.random_numbers import uniform


def display(x: torch.Tensor, linear: bool) -> torch.Tensor:
    """The value the loss compares: sRGB's curve, a logarithm of the same slope above 1; sRGB values as they are."""
    if not linear:
        return x
    curve = 1.055 * x.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    highlights = 1.0 + 1.055 / 2.4 * torch.log(x.clamp(min=1.0))
    return torch.where(x > 1.0, highlights, torch.where(x > 0.0031308, curve, 12.92 * x))


def draw_background(seed: int, step: int, rays: torch.Tensor, linear: bool) -> torch.Tensor:
    """What each of ``rays`` [n] int64 is composited over: [n, 3] float64, evenly among display values."""
    streams = [RandomStream.BACKGROUND + k for k in range(3)]
    values = torch.stack([uniform(seed, step, rays, stream) for stream in streams], dim=1).double()
    light = torch.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return light if linear else values


def compare_colors(
    color: torch.Tensor, transmittance: torch.Tensor, background: torch.Tensor, target: torch.Tensor, linear: bool
) -> torch.Tensor:
    """The loss in colour [n] of rays of premultiplied ``color`` [n, 3] and ``transmittance`` [n], over ``background``
    [n, 3] as their ``target`` [n, 5] is (see RayLoss)."""
    predicted = display(color + transmittance[:, None] * background, linear)
    wanted = display(target[:, :3] + (1.0 - target[:, 3:4]) * background, linear)
    huber = torch.nn.functional.huber_loss(predicted, wanted, reduction="none", delta=HUBER_DELTA)
    return huber.sum(1) / HUBER_DELTA


def compare_depths(
    weights: torch.Tensor, distances: torch.Tensor, margin: torch.Tensor | float, target: torch.Tensor
) -> torch.Tensor:
    """The line-of-sight loss [n] of rays whose samples have ``weights`` and ``distances`` [n, m], in units of
    ``margin`` ([n, 1], or one); 0 where the ``target`` [n, 5] knows no surface."""
    surface = target[:, 4:]
    offset = ((distances - surface) / margin) ** 2
    return torch.where(surface[:, 0] > 0.0, (weights * offset.clamp(max=1.0)).sum(1), 0.0)
