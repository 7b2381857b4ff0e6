"""The direction encoding against its definition, and against what makes it one: orthonormality."""

from __future__ import annotations

import numpy as np
import torch

from taichi_kernels.spherical_harmonics import SH_VALUES, encode_directions
from taichi_kernels.twins import spherical_harmonics as twin


def _encode(directions: torch.Tensor, device: str) -> torch.Tensor:
    rays = torch.arange(len(directions), dtype=torch.int32, device=device)
    out = torch.zeros(len(directions), SH_VALUES, device=device)
    encode_directions(directions.float().to(device), rays, out, 0)
    return out.cpu().double()


def test_orthonormal_over_the_sphere(device: str) -> None:
    # Gauss-Legendre in z and even steps in phi integrate polynomials of this degree exactly.
    z, weights = np.polynomial.legendre.leggauss(8)
    phi = np.arange(16) * 2 * np.pi / 16
    zz, pp = np.meshgrid(z, phi, indexing="ij")
    sine = np.sqrt(1 - zz**2)
    directions = torch.from_numpy(np.stack([sine * np.cos(pp), sine * np.sin(pp), zz], -1).reshape(-1, 3))
    areas = torch.from_numpy(np.repeat(weights, 16) * 2 * np.pi / 16)
    values = _encode(directions, device)
    torch.testing.assert_close(
        values.T @ (values * areas[:, None]), torch.eye(SH_VALUES, dtype=torch.float64), atol=1e-5, rtol=0
    )


def test_equal_to_the_definition(device: str) -> None:
    directions = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    directions /= directions.norm(dim=1, keepdim=True)
    values, expected = _encode(directions, device), twin.evaluate_harmonics(directions)
    torch.testing.assert_close(values, expected, atol=1e-5, rtol=0)


def test_looks_rays_up_and_leaves_other_columns_alone(device: str) -> None:
    rays_d = torch.nn.functional.normalize(torch.randn(7, 3, generator=torch.Generator().manual_seed(1))).to(device)
    sample_rays = torch.tensor([6, 0, 0, 3], dtype=torch.int32, device=device)
    out = torch.full((4, SH_VALUES + 5), 9.0, device=device)
    expected = out.clone()
    encode_directions(rays_d, sample_rays, out, 3)
    twin.encode_directions(rays_d, sample_rays, expected, 3)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=0)
    assert (out[:, :3] == 9.0).all() and (out[:, -2:] == 9.0).all()
