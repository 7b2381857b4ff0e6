"""Twin of ``taichi_kernels.spherical_harmonics``, from the definition by associated Legendre polynomials."""

from __future__ import annotations

import math

import torch

DEGREES = 4


def evaluate_harmonics(directions: torch.Tensor) -> torch.Tensor:
    """Real spherical harmonics [n, 16] of unit ``directions`` [n, 3], by degree, then order -l..l, with the
    Condon-Shortley phase."""
    x, y, z = directions.double().unbind(1)
    plane = torch.complex(x, y)  # sin(theta) e^(i phi): its m-th power carries both the sine's power and the order
    values = []
    for degree in range(DEGREES):
        for order in range(-degree, degree + 1):
            m = abs(order)
            scale = math.sqrt(
                (2 * degree + 1) / (4 * math.pi) * math.factorial(degree - m) / math.factorial(degree + m)
            )
            polar = scale * _legendre_over_sine(degree, m, z)
            turn = plane**m
            part = turn.real if order >= 0 else turn.imag
            values.append(polar * part * (math.sqrt(2) if m else 1.0))
    return torch.stack(values, dim=1)


def encode_directions(rays_d: torch.Tensor, sample_rays: torch.Tensor, out: torch.Tensor, first_column: int) -> None:
    """Write the harmonics of each sample's ray to ``out`` from ``first_column`` on."""
    values = evaluate_harmonics(rays_d[sample_rays.long()])
    out[: len(sample_rays), first_column : first_column + values.shape[1]] = values.to(out.dtype)


def _legendre_over_sine(degree: int, m: int, z: torch.Tensor) -> torch.Tensor:
    """P_degree^m(z) / (1 - z^2)^(m/2), by the recurrence in the degree."""
    before = torch.zeros_like(z)
    value = torch.full_like(z, (-1.0) ** m * math.prod(range(1, 2 * m, 2)))
    for l in range(m + 1, degree + 1):  # noqa: E741 - the degree's usual letter
        value, before = ((2 * l - 1) * z * value - (l + m - 1) * before) / (l - m), value
    return value
