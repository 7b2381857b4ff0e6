"""The field of positions against torch's own gradients, what a copy and a snapshot keep, and what it learns."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from engine.fields.base import FieldError
from engine.fields.coordinate_field import CoordinateField, CoordinateFieldConfig
from engine.optimizers.row_adam import RowAdam
from taichi_kernels import runtime
from taichi_kernels.twins.hash_grid import encode

SMALL = CoordinateFieldConfig(
    levels=3, log2_table_size=10, base_resolution=4, max_resolution=32, hidden_width=16, hidden_layers=1
)


def make(device: str, in_dims: int, out_dims: int = 2, seed: int = 3) -> CoordinateField:
    """A field whose features matter (a fresh one's are almost zero)."""
    runtime.start(device)
    field = CoordinateField(SMALL, in_dims, out_dims, device, seed)
    table = torch.randn(field.encoding.table.values.shape, generator=torch.Generator().manual_seed(5))
    field.load_state({**field.state(), "field.table": table.to(device)})
    return field


def points(count: int, in_dims: int, device: str) -> torch.Tensor:
    return torch.rand(count, in_dims, generator=torch.Generator().manual_seed(7)).to(device)


@pytest.mark.parametrize("in_dims", [2, 3])
def test_values_and_gradients_are_those_of_torch(device: str, in_dims: int) -> None:
    field, at = make(device, in_dims), points(300, in_dims, device)
    table = field.encoding.table.values.clone().requires_grad_(True)
    features = torch.empty(len(at), field.encoding.out_dims, device=device)
    encode(at, field.encoding.levels, table, features)
    values = field.network.module(features).float()
    weights = list(field.network.module.parameters())
    gradients = torch.autograd.grad(values.square().mean(), [table, *weights])
    loose = 2e-2 if field.dtype == torch.float16 else 1e-5
    assert torch.allclose(field.forward(at), values.detach(), atol=loose, rtol=loose)
    traced, found = field.trace(at)
    field.backward(at, traced, found.square().mean())
    for group, own in zip(
        field.parameters(), (gradients[0], torch.cat([g.view(-1) for g in gradients[1:]])), strict=True
    ):
        assert torch.allclose(group.gradients.view(-1), own.reshape(-1), atol=loose * float(own.abs().max()))


def test_the_gradient_by_position_is_the_slope(device: str) -> None:
    field, at = make(device, 3), points(200, 3, device)
    values, gradients = field.gradient(at)
    assert torch.equal(values, field.forward(at))
    if field.dtype == torch.float16:
        return  # whose differences of values are its rounding
    step, inside = 1e-3, torch.ones(200, dtype=torch.bool, device=device)
    for cells in field.config.grid(3).resolutions:  # where the slope doesn't jump, and no hidden unit goes on or off
        place = at * cells % 1.0
        inside &= ((place > cells * step) & (place < 1.0 - cells * step)).all(1)
    assert inside.sum() > 50
    for axis in range(3):
        offset = step * torch.eye(3, device=device)[axis]
        slope = (field.forward(at + offset) - field.forward(at - offset))[:, 0] / (2 * step)
        off = (slope - gradients[:, axis]).abs()[inside] / gradients.norm(dim=1)[inside]
        assert off.median() < 1e-3 and (off < 0.05).float().mean() > 0.8


def test_a_frozen_copy_stays_as_it_is_and_a_snapshot_brings_all_back(device: str) -> None:
    field, at = make(device, 2), points(50, 2, device)
    before, frozen, state = field.forward(at), field.frozen(), {n: t.clone() for n, t in field.state().items()}
    assert field.frozen_bytes > 0
    for group in field.parameters():
        group.values.mul_(0.5)
        group.refresh_working()
    assert torch.equal(frozen.forward(at), before) and not torch.equal(field.forward(at), before)
    field.load_state(state)
    assert torch.equal(field.forward(at), before)


def test_it_learns_a_function_of_two_coordinates(device: str) -> None:
    field = make(device, 2, out_dims=1)
    optimizer, generator = RowAdam(field.parameters()), torch.Generator().manual_seed(1)

    def truth(at: torch.Tensor) -> torch.Tensor:
        return (9.0 * at[:, :1]).sin() * (7.0 * at[:, 1:]).cos()

    for _ in range(150):
        at = torch.rand(1024, 2, generator=generator).to(device)
        features, values = field.trace(at)
        field.backward(at, features, (values - truth(at)).square().mean())
        optimizer.step(1e-2)
    at = points(500, 2, device)
    assert float((field.forward(at) - truth(at)).square().mean().sqrt()) < 0.05


def test_light_is_never_below_zero(device: str) -> None:
    runtime.start(device)
    field = CoordinateField(SMALL, 2, 3, device, output="exponential")
    assert bool((field.forward(points(50, 2, device)) > 0.0).all())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"features": 3}, "features: 3 is not one of 2, 4"),
        ({"hidden_width": 20}, "hidden_width: 20 is not a multiple of 8"),
        ({"base_resolution": 64}, "base_resolution: 64 exceeds field.max_resolution: 32"),
        ({"levels": 32, "log2_table_size": 26, "max_resolution": 1 << 24}, "log2_table_size: a hash grid of"),
    ],
)
def test_numbers_that_do_not_go_together_are_named(changed: dict[str, int], words: str) -> None:
    with pytest.raises(FieldError) as error:
        dataclasses.replace(SMALL, **changed).check()
    assert str(error.value).startswith(words)
