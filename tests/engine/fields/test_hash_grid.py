"""The field against its torch twin: what it evaluates to, and the gradient of every parameter."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from engine.fields.hash_grid import HashGridConfig, HashGridField
from engine.optimizers.row_adam import RowAdam
from taichi_kernels.bundles import ActiveSamples, FieldOutputs
from tests.engine.fields.torch_field import TorchField

SMALL = HashGridConfig(
    levels=4, log2_table_size=8, base_resolution=4, max_resolution=64, hidden_width=16, color_layers=1
)
SAMPLES, RAYS = 700, 40


# The last is the shape that tensor cores compute, where there are any.
SHAPES = {
    "width 16, 1 colour layer": dataclasses.replace(SMALL, hidden_width=16, color_layers=1),
    "width 32, 2 colour layers": dataclasses.replace(SMALL, hidden_width=32, color_layers=2),
    "width 64, 3 colour layers": dataclasses.replace(SMALL, hidden_width=64, color_layers=3),
    "8 levels, width 64, 2 colour layers": dataclasses.replace(SMALL, levels=8, hidden_width=64, color_layers=2),
}


@pytest.fixture(params=list(SHAPES))
def field(request: pytest.FixtureRequest, device: str) -> HashGridField:
    """A field whose features matter (a fresh one's are almost zero)."""
    field = HashGridField(SHAPES[request.param], device, seed=3)
    table = torch.randn(field.encoding.table.values.shape, generator=torch.Generator().manual_seed(5))
    field.load_state({**field.state(), "field.table": table.to(device)})
    return field


@dataclasses.dataclass
class Queries:
    points: torch.Tensor
    sample_rays: torch.Tensor
    rays_d: torch.Tensor

    @classmethod
    def build(cls, device: str) -> Queries:
        generator = torch.Generator().manual_seed(0)
        points = torch.rand(SAMPLES, 3, generator=generator)
        rays = torch.randint(0, RAYS, (SAMPLES,), generator=generator).int()
        rays_d = torch.nn.functional.normalize(torch.randn(RAYS, 3, generator=generator))
        return cls(points.to(device), rays.to(device), rays_d.to(device))


def _tolerance(field: HashGridField) -> dict[str, float]:
    return {"rtol": 2e-2, "atol": 2e-2} if field.dtype == torch.float16 else {"rtol": 1e-3, "atol": 1e-4}


def test_values_equal_the_twins(field: HashGridField, device: str) -> None:
    queries, batch = Queries.build(device), field.allocate(SAMPLES + 50).first(SAMPLES)
    batch.points[:], batch.sample_rays[:] = queries.points, queries.sample_rays
    outputs = field.forward(batch, queries.rays_d)
    densities, colors = TorchField(field).evaluate(queries.points, queries.rays_d[queries.sample_rays.long()])
    assert colors.std() > 0.1
    torch.testing.assert_close(outputs.densities.double(), densities.detach(), **_tolerance(field))
    torch.testing.assert_close(outputs.colors.double(), colors.detach(), **_tolerance(field))
    alone = field.density(batch)[:, 0]
    torch.testing.assert_close(alone.double(), densities.detach(), **_tolerance(field))


def test_gradients_of_all_parameters_equal_autograds(field: HashGridField, device: str) -> None:
    queries, batch = Queries.build(device), field.allocate(SAMPLES, for_training=True)
    batch.points[:], batch.sample_rays[:] = queries.points, queries.sample_rays
    generator = torch.Generator().manual_seed(1)
    grad_densities = torch.randn(SAMPLES, generator=generator).to(device, field.dtype)
    grad_colors = torch.randn(SAMPLES, 4, generator=generator).to(device, field.dtype)
    grad_colors[:, 3] = 0.0

    rows = torch.randperm(SAMPLES, generator=generator).int().to(device)
    active = rows[: SAMPLES // 2].long()
    row_count = torch.tensor([len(active)], dtype=torch.int32, device=device)

    field.forward(batch, queries.rays_d)
    field.backward(batch, ActiveSamples(rows, row_count), FieldOutputs(grad_densities[:, None], grad_colors))

    twin = TorchField(field)
    densities, colors = twin.evaluate(queries.points, queries.rays_d[queries.sample_rays.long()])
    ((densities * grad_densities)[active].sum() + (colors * grad_colors[:, :3])[active].sum()).backward()
    for found, expected in (
        (field.encoding.table.gradients, twin.table.grad),
        (field.networks.weights.gradients.view(-1), twin.weights.grad),
    ):
        assert expected is not None and expected.abs().max() > 0.1
        error = (found.double() - expected).norm() / expected.norm()
        # In half precision a hidden value near 0 may fall on its other side: up to 2.6 % were seen on other tables.
        assert error < (4e-2 if field.dtype == torch.float16 else 1e-5)


def test_backward_adds_to_the_gradients_until_the_optimiser_clears_them(field: HashGridField, device: str) -> None:
    queries, batch = Queries.build(device), field.allocate(SAMPLES, for_training=True)
    batch.points[:], batch.sample_rays[:] = queries.points, queries.sample_rays
    generator = torch.Generator().manual_seed(1)
    densities = torch.randn(SAMPLES, 1, generator=generator).to(device, field.dtype)
    colors = torch.randn(SAMPLES, 4, generator=generator).to(device, field.dtype)
    colors[:, 3] = 0.0
    rows = torch.randperm(SAMPLES, generator=generator).int().to(device)
    parts = [ActiveSamples(part, torch.tensor([len(part)], dtype=torch.int32, device=device)) for part in rows.chunk(2)]
    optimizer, alone = RowAdam(field.parameters()), []
    field.forward(batch, queries.rays_d)
    for part in parts:
        field.backward(batch, part, FieldOutputs(densities, colors))
        alone.append([group.gradients.clone() for group in field.parameters()])
        optimizer.step(0.0)  # moves nothing
        assert not any(group.gradients.any() for group in field.parameters())
    for part in parts:
        field.backward(batch, part, FieldOutputs(densities, colors))
    for group, first, second in zip(field.parameters(), *alone, strict=True):
        scale = float(group.gradients.abs().max())
        torch.testing.assert_close(group.gradients, first + second, rtol=1e-4, atol=1e-5 * scale)


def test_a_step_goes_down_the_gradient_and_clears_it(field: HashGridField, device: str) -> None:
    queries, batch = Queries.build(device), field.allocate(SAMPLES, for_training=True)
    batch.points[:], batch.sample_rays[:] = queries.points, queries.sample_rays
    optimizer, errors = RowAdam(field.parameters()), []
    rows = torch.arange(SAMPLES, dtype=torch.int32, device=device)
    active = ActiveSamples(rows, torch.tensor([SAMPLES], dtype=torch.int32, device=device))
    for _ in range(15):  # regression of density to 1 and colour to 0
        outputs = field.forward(batch, queries.rays_d)
        residual = outputs.densities - 1.0
        errors.append(float(residual.float().square().mean() + outputs.colors.float().square().mean()))
        gradients = FieldOutputs(residual[:, None], outputs.color_rows.clone())
        gradients.color_rows[:, 3] = 0.0
        field.backward(batch, active, gradients)
        optimizer.step(1e-2)
        assert not field.encoding.table.gradients.any()
    assert errors[-1] < 0.6 * errors[0]


def test_a_seed_names_a_field(device: str) -> None:
    tables = [HashGridField(SMALL, device, seed).encoding.table.values for seed in (1, 1, 2)]
    assert torch.equal(tables[0], tables[1]) and not torch.equal(tables[0], tables[2])
    assert tables[0].abs().max() <= 1e-4


def test_state_carries_over(field: HashGridField, device: str) -> None:
    other = HashGridField(field.config, device, seed=9)
    other.load_state({name: tensor.clone() for name, tensor in field.state().items()})
    queries = Queries.build(device)
    results = []
    for each in (field, other):
        batch = each.allocate(SAMPLES)
        batch.points[:], batch.sample_rays[:] = queries.points, queries.sample_rays
        outputs = each.forward(batch, queries.rays_d)
        results.append([outputs.densities.clone(), outputs.colors.clone()])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("name", ["field.table", "field.weights"])
def test_a_state_that_does_not_fit_is_refused_by_name(device: str, name: str) -> None:
    field = HashGridField(SMALL, device)
    state = field.state()
    with pytest.raises(ValueError, match=name):
        field.load_state({**state, name: torch.zeros(3, 3)})
    with pytest.raises(ValueError, match=name):
        field.load_state({key: tensor for key, tensor in state.items() if key != name})
