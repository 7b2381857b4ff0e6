"""Volume rendering by torch: against the definition, and its gradient against differences."""

from __future__ import annotations

import math

import pytest
import torch

from engine.sampling.quadrature import composite, find_surfaces
from taichi_kernels.activations import DENSITY_SCALE

N, M = 5, 7


def _samples(device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    densities = torch.randn(N, M, generator=generator) - 1.0
    colors = torch.randn(N, M, 3, generator=generator)
    distances = torch.rand(N, M, generator=generator).sort(dim=1).values
    return densities.to(device), colors.to(device), distances.to(device), torch.full((N,), 1.25, device=device)


@pytest.mark.parametrize("linear", [False, True])
def test_values_are_those_of_the_definition(device: str, linear: bool) -> None:
    densities, colors, distances, ends = _samples(device)
    rays = composite(densities, colors, distances, ends, linear)
    for ray in range(N):
        transmittance, color = 1.0, [0.0, 0.0, 0.0]
        for k in range(M):
            end = float(distances[ray, k + 1]) if k + 1 < M else 1.25
            alpha = 1.0 - math.exp(
                -DENSITY_SCALE * math.exp(float(densities[ray, k])) * (end - float(distances[ray, k]))
            )
            assert float(rays.weights[ray, k]) == pytest.approx(transmittance * alpha, abs=1e-5)
            for channel in range(3):
                raw = float(colors[ray, k, channel])
                light = math.log(1.0 + math.exp(raw)) ** 2 if linear else 1.0 / (1.0 + math.exp(-raw))
                color[channel] += transmittance * alpha * light
            transmittance *= 1.0 - alpha
        assert rays.colors[ray].tolist() == pytest.approx(color, abs=1e-5)
        assert float(rays.transmittances[ray]) == pytest.approx(transmittance, abs=1e-5)


@pytest.mark.parametrize("linear", [False, True])
def test_gradients_are_those_of_differences(device: str, linear: bool) -> None:
    densities, colors, distances, ends = _samples(device)
    weights = torch.randn(N, 4, generator=torch.Generator().manual_seed(1)).to(device)

    def loss() -> torch.Tensor:
        rays = composite(densities, colors, distances, ends, linear)
        return (weights[:, :3] * rays.colors).sum() + (weights[:, 3] * rays.transmittances).sum()

    for values in (densities, colors):
        values.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(), values)
        values.requires_grad_(False)
        flat = values.view(-1)
        for index in range(0, len(flat), 4):
            kept, ends_of = flat[index].clone(), []
            for step in (1e-2, -1e-2):
                flat[index] = kept + step
                ends_of.append(float(loss()))
            flat[index] = kept
            assert float(gradient.view(-1)[index]) == pytest.approx((ends_of[0] - ends_of[1]) / 2e-2, abs=2e-3)


def test_a_dense_sample_hides_what_is_behind_it_and_has_a_finite_gradient(device: str) -> None:
    densities, colors, distances, ends = _samples(device)
    densities[:, 3] = 40.0
    densities.requires_grad_()
    rays = composite(densities, colors, distances, ends, linear=False)
    assert (rays.weights[:, 4:] == 0.0).all() and (rays.transmittances == 0.0).all()
    (gradient,) = torch.autograd.grad(rays.colors.sum(), densities)
    assert torch.isfinite(gradient).all()


def test_a_surface_is_where_half_of_the_light_is_absorbed(device: str) -> None:
    distances = torch.tensor([[0.2, 0.4, 0.6]], device=device).expand(3, 3).contiguous()
    optical_depths = torch.tensor([[0.0, 4 * math.log(2.0), 0.0], [0.1, 0.1, 50.0], [0.1, 0.0, 0.1]], device=device)
    densities = (optical_depths / 0.2 / DENSITY_SCALE).log().clamp(min=-60.0)
    ends = torch.full((3,), 0.8, device=device)
    rays = composite(densities, torch.zeros(3, 3, 3, device=device), distances, ends, linear=False)
    first, second, third = find_surfaces(rays, ends).tolist()
    assert first == pytest.approx(0.45, abs=1e-4)  # a quarter of the second sample's way
    assert second == pytest.approx(0.6 + 0.2 * (math.log(2.0) - 0.2) / 50.0, abs=1e-4)
    weights = [1.0 - math.exp(-0.1), math.exp(-0.1) * (1.0 - math.exp(-0.1))]
    assert third == pytest.approx((0.2 * weights[0] + 0.6 * weights[1]) / sum(weights), abs=1e-4)
