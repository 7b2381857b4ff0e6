"""Hierarchical sampling: strata, and the inverse of a piecewise-constant distribution, against plain numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from engine.fields.coarse_and_fine import CoarseAndFineConfig
from engine.sampling.hierarchical import place_by_weight, render_rays, stratify
from taichi_kernels.bundles import Rays

TINY = CoarseAndFineConfig(
    position_octaves=3, direction_octaves=1, layers=2, width=16, coarse_samples=8, fine_samples=16
)


def _invert(
    distances: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], ends: tuple[float, float], quantile: float
) -> float:
    """One quantile of one ray, walking over its intervals."""
    edges = [ends[0], *(0.5 * (distances[1:] + distances[:-1])), ends[1]]
    weights = (weights + 1e-5) / (weights + 1e-5).sum()
    for weight, low, high in zip(weights, edges[:-1], edges[1:], strict=True):
        if quantile <= weight:
            return float(low + quantile / weight * (high - low))
        quantile -= weight
    return edges[-1]


def test_each_stratum_has_one_sample_where_it_was_asked_for(device: str) -> None:
    t_range = torch.tensor([[1.0, 3.0], [0.5, 0.9]], device=device)
    places = torch.rand(2, 10, generator=torch.Generator().manual_seed(0)).to(device)
    distances = stratify(t_range, places)
    expected = [[near + (far - near) * (k + float(places[ray, k])) / 10 for k in range(10)]
                for ray, (near, far) in enumerate(t_range.tolist())]  # fmt: skip
    torch.testing.assert_close(distances, torch.tensor(expected, device=device))
    assert (distances.diff(dim=1) > 0).all()


def test_a_ray_without_length_has_all_its_samples_at_one_place(device: str) -> None:
    t_range = torch.tensor([[2.0, 1.0]], device=device)
    distances = stratify(t_range, torch.full((4,), 0.5, device=device))
    assert (distances == 2.0).all()
    assert (
        place_by_weight(distances, torch.rand(1, 4, device=device), t_range, torch.rand(1, 9, device=device)) == 2
    ).all()


def test_quantiles_are_those_of_the_walk_over_the_intervals(device: str) -> None:
    generator = torch.Generator().manual_seed(1)
    t_range = torch.tensor([[0.2, 1.7]]).expand(20, 2).contiguous()
    distances = stratify(t_range, torch.rand(20, 12, generator=generator))
    weights = torch.rand(20, 12, generator=generator) ** 4
    weights[:, 3:6] = 0.0
    quantiles = torch.rand(20, 30, generator=generator)
    quantiles[:, 0], quantiles[:, 1] = 0.0, 1.0
    arguments = (each.to(device) for each in (distances, weights, t_range, quantiles))
    placed = place_by_weight(*arguments).cpu().numpy()
    for ray in range(20):
        d, w = distances[ray].double().numpy(), weights[ray].double().numpy()
        expected = [_invert(d, w, (0.2, 1.7), float(u)) for u in quantiles[ray]]
        np.testing.assert_allclose(placed[ray], expected, atol=2e-4)  # weights of 0 are near vertical: float32


def test_where_the_weight_is_there_the_samples_are(device: str) -> None:
    t_range = torch.tensor([[0.0, 1.0]], device=device)
    distances = stratify(t_range, torch.full((10,), 0.5, device=device))  # 0.05, 0.15 and so on
    weights = torch.zeros(1, 10, device=device)
    weights[0, 2], weights[0, 7] = 0.1, 0.3
    uniform = torch.rand(1, 100_000, generator=torch.Generator().manual_seed(2)).to(device)
    placed = place_by_weight(distances, weights, t_range, uniform)[0]
    shares = torch.histc(placed, 10, 0.0, 1.0) / len(placed)
    assert float(shares[2]) == pytest.approx(0.25, abs=0.01) and float(shares[7]) == pytest.approx(0.75, abs=0.01)
    inside = placed[(placed > 0.7) & (placed < 0.8)]
    assert float(inside.mean()) == pytest.approx(0.75, abs=2e-3) and float(inside.var()) == pytest.approx(
        1e-2 / 12, rel=0.05
    )


def test_without_weight_a_ray_is_sampled_evenly(device: str) -> None:
    t_range = torch.tensor([[1.0, 2.0]], device=device)
    distances = stratify(t_range, torch.full((8,), 0.5, device=device))
    quantiles = torch.linspace(0.0, 1.0, 33, device=device)[None]
    placed = place_by_weight(distances, torch.zeros(1, 8, device=device), t_range, quantiles)
    torch.testing.assert_close(placed, 1.0 + quantiles)


def _rays(count: int, device: str) -> Rays:
    rays = Rays.allocate(count, device)
    generator = torch.Generator().manual_seed(5)
    rays.origins.copy_(torch.rand(count, 3, generator=generator) * 0.2)
    rays.directions.copy_(torch.nn.functional.normalize(torch.rand(count, 3, generator=generator)))
    rays.t_range.copy_(torch.tensor([0.1, 0.8]))
    return rays


def test_the_fine_network_sees_all_samples_in_order_and_no_gradient_goes_through_their_places(device: str) -> None:
    field, rays = TINY.build(device, 0), _rays(6, device)
    strata, quantiles = torch.rand(6, 8, device=device), torch.rand(6, 16, device=device)
    coarse, fine = render_rays(field, rays, strata, quantiles, linear=True)
    assert fine.distances.shape == (6, 24) and (fine.distances.diff(dim=1) >= 0).all()
    for ray in range(6):
        assert torch.isin(coarse.distances[ray], fine.distances[ray]).all()
    fine.colors.sum().backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in field.coarse.parameters())
    assert any(bool(parameter.grad.any()) for parameter in field.fine.parameters() if parameter.grad is not None)


def test_a_ray_that_misses_the_box_shows_nothing_and_teaches_nothing(device: str) -> None:
    field, rays = TINY.build(device, 0), _rays(2, device)
    rays.t_range.copy_(torch.tensor([1e12, 3.0]))
    places = torch.full((2, 8), 0.5, device=device), torch.full((2, 16), 0.5, device=device)
    for rendered in render_rays(field, rays, *places, linear=False):
        assert (rendered.transmittances == 1.0).all() and not rendered.colors.any()
        (rendered.colors.sum() + rendered.transmittances.sum()).backward()
    assert not field.weights.gradients.any()
