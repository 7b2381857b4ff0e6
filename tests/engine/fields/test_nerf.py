"""The original NeRF: its encoding and its network against the paper's formulas, its gradients against differences, and
what is promised of any field made by autograd."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pytest
import torch

from engine.device import PROFILES
from engine.fields.autograd import AutogradField
from engine.fields.mixed_precision import MixedLinear
from engine.fields.nerf import NerfConfig, NerfNetwork
from engine.optimizers.row_adam import RowAdam
from taichi_kernels.bundles import ActiveSamples, FieldOutputs

SMALL = NerfConfig(position_octaves=4, direction_octaves=2, layers=4, width=16)
SAMPLES, RAYS = 90, 12


@pytest.fixture
def field(device: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AutogradField]:
    """One that evaluates its samples in several chunks, with products in all of float32: what a GPU trains in would
    differ from the formula in the fourth digit."""
    profile = dataclasses.replace(PROFILES[device], chunk_samples=32, half_precision=False)
    monkeypatch.setitem(PROFILES, device, profile)
    field = SMALL.build(device, 3)
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield field
    torch.set_float32_matmul_precision(precision)


def _queries(device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(SAMPLES, 3, generator=generator)
    rays = torch.randint(0, RAYS, (SAMPLES,), generator=generator).int()
    rays_d = torch.nn.functional.normalize(torch.randn(RAYS, 3, generator=generator))
    return points.to(device), rays.to(device), rays_d.to(device)


def _evaluate_in_double(field: AutogradField, points: torch.Tensor, directions: torch.Tensor) -> FieldOutputs:
    """The network of the paper's figure 7 in float64, from the field's flat weights."""
    config, flat, first = SMALL, field.weights.values.double().view(-1), 0

    def layer(value: torch.Tensor, outputs: int) -> torch.Tensor:
        nonlocal first
        size = outputs * value.shape[1]
        weights, bias = flat[first : first + size].view(outputs, -1), flat[first + size : first + size + outputs]
        first += size + outputs
        return value @ weights.T + bias

    def gamma(p: torch.Tensor, octaves: int) -> torch.Tensor:
        waves = [wave(2.0**k * math.pi * p) for wave in (torch.sin, torch.cos) for k in range(octaves)]
        return torch.cat([p, *waves], dim=1)

    position = gamma(2.0 * points.double() - 1.0, config.position_octaves)
    hidden = position
    for index in range(config.layers):
        hidden = layer(torch.cat([hidden, position], dim=1) if index == 3 else hidden, config.width).relu()
    density = layer(hidden, 1)
    seen = torch.cat([layer(hidden, config.width), gamma(directions.double(), config.direction_octaves)], dim=1)
    colors = layer(layer(seen, config.width // 2).relu(), 3)
    assert first == len(flat)
    return FieldOutputs(density, torch.nn.functional.pad(colors, (0, 1)))


def test_the_default_is_the_papers_network() -> None:
    network = NerfConfig().build("cpu", 0).module
    shapes = [tuple(parameter.shape) for parameter in network.parameters() if parameter.ndim == 2]
    assert shapes == [
        (256, 63), (256, 256), (256, 256), (256, 256), (256, 256), (256, 256 + 63), (256, 256), (256, 256),
        (1, 256), (256, 256), (128, 256 + 27), (3, 128),
    ]  # fmt: skip


def test_values_are_those_of_the_formula(field: AutogradField, device: str) -> None:
    points, rays, rays_d = _queries(device)
    field.weights.values.add_(0.1 * torch.randn(field.weights.values.shape, device=device))  # biases are 0 at first
    batch = field.allocate(SAMPLES + 20).first(SAMPLES)
    batch.points[:], batch.sample_rays[:] = points, rays
    outputs = field.forward(batch, rays_d)
    expected = _evaluate_in_double(field, points, rays_d[rays.long()])
    torch.testing.assert_close(outputs.densities.double(), expected.densities, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(outputs.colors.double(), expected.colors, rtol=1e-4, atol=1e-4)
    assert outputs.colors.std() > 0.05
    torch.testing.assert_close(field.density(batch)[:, 0], outputs.densities)


def test_gradients_are_those_of_the_samples_that_are_listed(field: AutogradField, device: str) -> None:
    points, rays, rays_d = _queries(device)
    batch = field.allocate(SAMPLES, for_training=True)
    batch.points[:], batch.sample_rays[:] = points, rays
    generator = torch.Generator().manual_seed(1)
    gradients = FieldOutputs.allocate(SAMPLES, device, field.dtype)
    gradients.densities.copy_(torch.randn(SAMPLES, generator=generator))
    gradients.colors.copy_(torch.randn(SAMPLES, 3, generator=generator))
    rows = torch.randperm(SAMPLES, generator=generator).int().to(device)
    listed = rows[: SAMPLES // 2].long()
    field.forward(batch, rays_d)
    field.backward(batch, ActiveSamples(rows, torch.tensor([len(listed)], dtype=torch.int32)), gradients)

    flat = field.weights.values
    field.weights.values = flat.double().requires_grad_()
    expected = _evaluate_in_double(field, points, rays_d[rays.long()])
    loss = (expected.densities * gradients.densities)[listed].sum() + (expected.colors * gradients.colors)[listed].sum()
    (gradient,) = torch.autograd.grad(loss, field.weights.values)
    error = (field.weights.gradients.double() - gradient).norm() / gradient.norm()
    assert gradient.abs().max() > 0.1 and error < 1e-4


def test_samples_past_the_count_are_not_evaluated(field: AutogradField, device: str) -> None:
    points, rays, rays_d = _queries(device)
    batch = field.allocate(SAMPLES)
    batch.points[:], batch.sample_rays[:] = points, rays
    batch.work.outputs.densities.fill_(7.0)
    outputs = field.forward(batch, rays_d, torch.tensor([50], dtype=torch.int32, device=device))
    assert (outputs.densities[50:] == 7.0).all() and (outputs.densities[:50] != 7.0).all()
    field.forward(batch, rays_d, torch.tensor([10**6], dtype=torch.int32, device=device))  # more than there is room for
    assert (outputs.densities != 7.0).all()


def test_a_field_is_learnt_and_a_frozen_one_stays(field: AutogradField, device: str) -> None:
    points, rays, rays_d = _queries(device)
    batch, optimizer = field.allocate(SAMPLES, for_training=True), RowAdam(field.parameters())
    batch.points[:], batch.sample_rays[:] = points, rays
    frozen, before = field.frozen(), field.forward(batch, rays_d).densities.clone()
    rows = torch.arange(SAMPLES, dtype=torch.int32, device=device)
    active = ActiveSamples(rows, torch.tensor([SAMPLES], dtype=torch.int32, device=device))
    errors = []
    for _ in range(60):  # regression of density to 1 and colour to 0
        outputs = field.forward(batch, rays_d)
        gradients = FieldOutputs(outputs.density_rows - 1.0, outputs.color_rows.clone())
        errors.append(float(gradients.densities.square().mean() + gradients.colors.square().mean()))
        field.backward(batch, active, gradients)
        optimizer.step(1e-2)
        assert not field.weights.gradients.any()
    assert errors[-1] < 0.1 * errors[0]
    assert torch.equal(frozen.forward(batch, rays_d).densities, before)
    assert frozen.frozen_bytes == field.weights.values.nbytes


def test_state_carries_over_and_a_seed_names_a_field(device: str) -> None:
    first, other = SMALL.build(device, 1), SMALL.build(device, 2)
    assert torch.equal(SMALL.build(device, 1).weights.values, first.weights.values)
    assert not torch.equal(other.weights.values, first.weights.values)
    other.load_state({name: tensor.clone() for name, tensor in first.state().items()})
    points, rays, rays_d = _queries(device)
    densities = []
    for each in (first, other):
        batch = each.allocate(SAMPLES)
        batch.points[:], batch.sample_rays[:] = points, rays
        densities.append(each.forward(batch, rays_d).densities.clone())
    assert torch.equal(*densities)
    with pytest.raises(ValueError, match=r"field\.weights"):
        first.load_state({"field.weights": torch.zeros(3, 1)})


def test_a_larger_cube_has_as_many_octaves_more() -> None:
    assert SMALL.fit(1, 50.0) == SMALL and SMALL.fit(8, 0.0).position_octaves == 7


def test_half_precision_keeps_values_and_gradients_to_its_digits(device: str) -> None:
    points, rays, rays_d = _queries(device)
    directions, upstream = rays_d[rays.long()], torch.randn(SAMPLES, 4, generator=torch.Generator().manual_seed(2))
    results = []
    for dtype in (torch.float32, torch.float16):
        network = NerfNetwork(SMALL, torch.Generator().manual_seed(3), dtype).to(device)
        densities, colors = network(points, directions)
        assert densities.dtype == colors.dtype == network.density(points).dtype == dtype
        loss = (torch.cat([densities[:, None], colors], dim=1).float() * upstream.to(device)).sum()
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        assert all(gradient.dtype == torch.float32 for gradient in gradients)
        results.append((densities, colors, *gradients))
    for exact, rounded in zip(*results, strict=True):
        assert (rounded.float() - exact).norm() < 0.05 * exact.norm() and exact.norm() > 0


def test_sums_in_half_precision_do_not_overflow(device: str) -> None:
    layer = MixedLinear(4, 4).to(device)
    layer(torch.full((4096, 4), 8.0, dtype=torch.float16, device=device)).backward(
        torch.full((4096, 4), 16.0, dtype=torch.float16, device=device)
    )
    assert layer.weight.grad is not None and (layer.weight.grad == 4096 * 8 * 16).all()
    assert layer.bias.grad is not None and (layer.bias.grad == 4096 * 16).all()
