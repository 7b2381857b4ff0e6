"""Which samples are backpropagated: few of those that say little, without a bias."""

from __future__ import annotations

from collections.abc import Callable

import torch

from taichi_kernels.bundles import ActiveSamples, FieldOutputs
from taichi_kernels.gradient_sampling import _draw_with_torch, draw_gradients

SAMPLES = 400


def _gradients() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    sizes = torch.rand(SAMPLES, generator=generator) ** 4
    sizes[:20] = 0.0
    return sizes * torch.randn(SAMPLES, generator=generator), sizes[:, None] * torch.randn(
        SAMPLES, 4, generator=generator
    )


def _draw(
    seed: int, step: int, device: str, draw: Callable[..., None] = draw_gradients
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The rows kept, and the gradients as the backward pass sees them: 0 where a row is left out."""
    densities, colors = (tensor.to(device) for tensor in _gradients())
    rows = torch.arange(SAMPLES + 7, dtype=torch.int32, device=device)
    count = torch.tensor([SAMPLES], dtype=torch.int32, device=device)
    draw(ActiveSamples(rows, count), FieldOutputs(densities[:, None], colors), 1.0, seed, step)
    kept = rows[: int(count)].long()
    seen_densities, seen_colors = torch.zeros_like(densities), torch.zeros_like(colors)
    seen_densities[kept], seen_colors[kept] = densities[kept], colors[kept]
    return kept, seen_densities, seen_colors


def test_the_expected_gradient_is_that_of_all_samples(device: str) -> None:
    densities, colors = (tensor.to(device) for tensor in _gradients())
    draws = [_draw(seed, 0, device) for seed in range(2000)]
    for found, expected in (
        (torch.stack([draw[1] for draw in draws]), densities),
        (torch.stack([draw[2] for draw in draws]), colors),
    ):
        error = found.mean(0) - expected
        assert (error.abs() <= 5 * found.std(0) / len(draws) ** 0.5 + 1e-4 * expected.abs()).all()
        assert found.std(0).max() > 0


def test_half_of_the_samples_are_left_out_and_the_large_gradients_never(device: str) -> None:
    densities, colors = (tensor.to(device) for tensor in _gradients())
    sizes = densities.abs() + colors.abs().sum(1)
    kept, _, _ = _draw(0, 0, device)
    assert 0.1 * SAMPLES < len(kept) < 0.6 * SAMPLES
    assert set(torch.nonzero(sizes >= sizes.mean()).view(-1).tolist()) <= set(kept.tolist())
    assert (kept[1:] > kept[:-1]).all() and kept.max() < SAMPLES


def test_the_same_seed_and_step_keep_the_same_samples_on_every_device(device: str) -> None:
    """Whether a kernel or torch draws them."""
    for ours, theirs in zip(_draw(3, 7, device), _draw(3, 7, "cpu", _draw_with_torch), strict=True):
        torch.testing.assert_close(ours.cpu(), theirs)


def test_neighbouring_seeds_draw_nothing_alike_in_any_step(device: str) -> None:
    """Were seed and step added up, a seed's draws would be those of the next one, a step later."""
    drawn = {tuple(_draw(seed, step, device)[0].tolist()) for seed in range(4) for step in range(8)}
    assert len(drawn) == 4 * 8


def test_no_gradient_is_no_error(device: str) -> None:
    rows, count = torch.arange(5, dtype=torch.int32, device=device), torch.tensor([5], dtype=torch.int32, device=device)
    densities, colors = torch.zeros(5, device=device), torch.zeros(5, 4, device=device)
    active, gradients = ActiveSamples(rows, count), FieldOutputs(densities[:, None], colors)
    draw_gradients(active, gradients, 1.0, 0, 0)
    assert int(count) <= 5 and torch.isfinite(densities).all() and torch.isfinite(colors).all()
    count.zero_()
    draw_gradients(active, gradients, 1.0, 0, 0)
    assert int(count) == 0
