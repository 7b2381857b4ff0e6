"""The hash grid against its twin: values, gradients, borders, and where entries lie."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from taichi_kernels import hash_grid, hash_grid_kernels, triton_kernels
from taichi_kernels.bundles import ActiveSamples
from taichi_kernels.hash_grid import GridLayout
from taichi_kernels.twins import hash_grid as twin

# (dimensions, features); the first is a radiance field's.
SHAPES = {f"{d} dimensions, {f} features": (d, f) for d, f in ((3, 4), (2, 4), (4, 4), (2, 2), (3, 2), (4, 2))}
SIZES: dict[str, dict[str, int]] = {
    "dense": {"levels": 2, "log2_table_size": 18, "base_resolution": 4, "max_resolution": 16},
    "hashed": {"levels": 2, "log2_table_size": 5, "base_resolution": 8, "max_resolution": 40},
    "both": {"levels": 5, "log2_table_size": 10, "base_resolution": 4, "max_resolution": 300},
    "one level": {"levels": 1, "log2_table_size": 13, "base_resolution": 8, "max_resolution": 8},
}


@pytest.fixture(params=["vectors", "portable"], autouse=True)
def path(request: pytest.FixtureRequest, device: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Triton's kernels where the card has them, and Taichi's, which run everywhere."""
    if request.param == "vectors" and not (device == "cuda" and triton_kernels.available()):
        pytest.skip("no card for Triton's kernels here")
    if request.param == "portable":
        monkeypatch.setattr(triton_kernels, "available", lambda: False)
    return request.param


@pytest.fixture(params=["float32", "float16"])
def table_dtype(request: pytest.FixtureRequest, device: str) -> torch.dtype:
    if request.param == "float16" and device == "cpu":
        pytest.skip("tables are float32 on the CPU")
    return getattr(torch, request.param)


@pytest.fixture(params=list(SHAPES))
def shape(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SHAPES[request.param]


@pytest.fixture(params=list(SIZES))
def layout(request: pytest.FixtureRequest, shape: tuple[int, int]) -> GridLayout:
    return _layout(request.param, shape)


def _layout(size: str, shape: tuple[int, int] = (3, 4)) -> GridLayout:
    return GridLayout.build(**SIZES[size], dimensions=shape[0], features=shape[1])


def _is_dense(layout: GridLayout) -> list[bool]:
    return [
        (resolution + 1) ** layout.dimensions == size
        for resolution, size in zip(layout.resolutions, layout.sizes, strict=True)
    ]


def _points(device: str, dimensions: int) -> torch.Tensor:
    """Random points, and the awkward ones: corners of the cube, cell borders, the middle, just past the cube."""
    random = torch.rand(1500, dimensions, generator=torch.Generator().manual_seed(1))
    lattice = torch.cartesian_prod(*[torch.tensor([0.0, 0.25, 0.5, 1.0])] * dimensions)
    outside = torch.tensor([[-1e-6, 0.5, 0.5, 0.7], [0.5, 1.0 + 1e-6, 0.5, 0.1], [1.5, -2.0, 0.3, 3.0]])
    return torch.cat([random, lattice, outside[:, :dimensions]]).to(device)


def _far_from_borders(layout: GridLayout, distance: float) -> torch.Tensor:
    """Random points that lie further than ``distance`` from the borders of their cells, on every level."""
    points = torch.rand(400_000, layout.dimensions, generator=torch.Generator().manual_seed(4))
    is_far = torch.ones(len(points), dtype=torch.bool)
    for resolution in layout.resolutions:
        inside = (points * resolution).frac()
        is_far &= torch.minimum(inside, 1.0 - inside).amin(1) > distance * resolution
    return points[is_far]


def _table(layout: GridLayout, device: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    values = torch.randn(layout.entries, layout.features, generator=torch.Generator().manual_seed(2))
    return values.to(device, dtype)


def _all_active(count: int, device: str) -> ActiveSamples:
    rows = torch.arange(count, dtype=torch.int32, device=device)
    return ActiveSamples(rows, torch.tensor([count], dtype=torch.int32, device=device))


@dataclasses.dataclass
class Upstream:
    """Gradients that come back for some of the points, not in their order."""

    active: ActiveSamples
    gradients: torch.Tensor

    @classmethod
    def draw(cls, points: torch.Tensor, layout: GridLayout, dtype: torch.dtype = torch.float32) -> Upstream:
        """What lies in the arrays past their number must not count."""
        generator = torch.Generator().manual_seed(3)
        rows = torch.randperm(len(points), generator=generator).int().to(points.device)
        count = torch.tensor([2 * len(points) // 3], dtype=torch.int32, device=points.device)
        gradients = torch.randn(len(points), layout.levels * layout.features, generator=generator)
        gradients[::7] = 0.0
        return cls(ActiveSamples(rows, count), gradients.to(points.device, dtype))


def test_layout_is_geometric_and_gapless() -> None:
    layout = GridLayout.build(levels=8, log2_table_size=16, base_resolution=16, max_resolution=512)
    assert (layout.resolutions[0], layout.resolutions[-1]) == (16, 512)
    ratios = [b / a for a, b in zip(layout.resolutions, layout.resolutions[1:], strict=False)]
    assert max(ratios) - min(ratios) < 0.07
    assert layout.sizes[:2] == (17**3, (layout.resolutions[1] + 1) ** 3) and layout.sizes[-1] == 2**16
    assert layout.offsets == tuple(sum(layout.sizes[:level]) for level in range(8))
    assert layout.entries == sum(layout.sizes)


def test_levels_are_dense_as_long_as_their_corners_fit(shape: tuple[int, int]) -> None:
    dimensions = shape[0]
    assert all(_is_dense(_layout("dense", shape))) and not any(_is_dense(_layout("hashed", shape)))
    both = _layout("both", shape)
    dense = _is_dense(both)
    assert dense[0] and not dense[-1] and dense == sorted(dense, reverse=True)
    assert all((side + 1) ** dimensions > 2**10 for side, fits in zip(both.resolutions, dense, strict=True) if not fits)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dimensions": 5}, "^dimensions: 5 is not one of 2, 3, 4$"),
        ({"dimensions": 1}, "^dimensions: 1 is not one of 2, 3, 4$"),
        ({"features": 3}, "^features: 3 is not one of 2, 4$"),
        ({"levels": 0}, "^a hash grid of 0 levels"),
        ({"base_resolution": 0}, "from 0 to 16 cells"),
        ({"base_resolution": 17}, "from 17 to 16 cells"),
        ({"max_resolution": 2**24 + 1}, f"at most {2**24}$"),
        ({"log2_table_size": 0}, "2\\*\\*0 entries"),
        ({"levels": 8, "max_resolution": 4096, "log2_table_size": 29}, r"entries: there may be \d+ at most$"),
    ],
)
def test_layouts_that_no_kernel_computes_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        GridLayout.build(**{**SIZES["dense"], **changes})


def test_tensors_that_do_not_fit_are_refused(device: str) -> None:
    layout = _layout("dense")
    levels, table = layout.to_tensor(device), _table(layout, device)
    points, features = torch.rand(5, 3, device=device), torch.zeros(5, 8, device=device)
    active = _all_active(5, device)
    with pytest.raises(ValueError, match=r"^coordinates of a point: 5 is not one of 2, 3, 4$"):
        hash_grid.encode(torch.rand(5, 5, device=device), levels, table, features)
    with pytest.raises(ValueError, match=r"^columns of a hash grid's table: 3 is not one of 2, 4$"):
        hash_grid.encode(points, levels, table[:, :3], features)
    with pytest.raises(ValueError, match=r"^features of 7 columns: expected 2 levels of 4$"):
        hash_grid.encode(points, levels, table, features[:, :7])
    with pytest.raises(ValueError, match=r"^features of 7 columns: expected 2 levels of 4$"):
        hash_grid.encode_backward(points, active, levels, features[:, :7], table)
    with pytest.raises(ValueError, match=r"^grad_points \[5, 2\]: expected \[5, 3\]"):
        hash_grid.encode_position_gradient(points, active, levels, table, features, points[:, :2])


def test_features_equal_the_twins(device: str, layout: GridLayout, table_dtype: torch.dtype) -> None:
    points, table = _points(device, layout.dimensions), _table(layout, device, table_dtype)
    levels, shape = layout.to_tensor(device), (len(points), layout.levels * layout.features)
    features = torch.full(shape, torch.nan, device=device, dtype=table_dtype)
    expected = torch.zeros(shape, device=device)
    hash_grid.encode(points, levels, table, features)
    twin.encode(points, levels, table, expected)
    tolerance = 2e-3 if table_dtype == torch.float16 else 2e-4  # a position at level 300 is good to 300 * 2^-24
    torch.testing.assert_close(features.float(), expected, rtol=tolerance, atol=tolerance)


def test_gradient_equals_autograds(device: str, layout: GridLayout, table_dtype: torch.dtype) -> None:
    points, levels = _points(device, layout.dimensions), layout.to_tensor(device)
    upstream = Upstream.draw(points, layout, table_dtype)
    before = torch.ones(layout.entries, layout.features, device=device)
    gradient, expected = before.clone(), before.clone()
    hash_grid.encode_backward(points, upstream.active, levels, upstream.gradients, gradient)
    twin.encode_backward(points, upstream.active, levels, upstream.gradients, expected)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=2e-3)
    assert not torch.equal(gradient, before)


def test_position_gradient_equals_autograds(device: str, layout: GridLayout, table_dtype: torch.dtype) -> None:
    """On cell borders, on the cube's and outside it too."""
    points, levels = _points(device, layout.dimensions), layout.to_tensor(device)
    table, upstream = _table(layout, device, table_dtype), Upstream.draw(points, layout, table_dtype)
    before = torch.ones_like(points)
    gradient, expected = before.clone(), before.clone()
    hash_grid.encode_position_gradient(points, upstream.active, levels, table, upstream.gradients, gradient)
    twin.encode_position_gradient(points, upstream.active, levels, table, upstream.gradients, expected)
    # Differences of neighbouring entries times cells a side: the finest level's rounding is the largest, and a GPU's
    # fused multiplications round where a point is in its cell otherwise.
    tolerance = (2e-5 if device == "cpu" else 1e-4) * layout.resolutions[-1]
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=tolerance)
    passed_over = upstream.active.rows[int(upstream.active.count) :].long()
    assert torch.equal(gradient[passed_over], before[passed_over])
    assert (gradient - before).abs().max() > 1.0


@pytest.mark.parametrize("size", ["dense", "hashed", "both"])
def test_position_gradient_equals_finite_differences(device: str, shape: tuple[int, int], size: str) -> None:
    """Of ``encode`` itself, each way from points so far inside their cells that no border is between."""
    layout = _layout(size, shape)
    levels, table = layout.to_tensor(device), _table(layout, device)
    step = 0.1 / layout.resolutions[-1]
    points = _far_from_borders(layout, 2.0 * step)[:300].to(device)
    assert len(points) == 300
    weights = torch.randn(300, layout.levels * layout.features, generator=torch.Generator().manual_seed(5)).to(device)

    def loss(at: torch.Tensor) -> torch.Tensor:
        features = torch.zeros_like(weights)
        hash_grid.encode(at, levels, table, features)
        return (features.double() * weights.double()).sum(1)

    gradient = torch.zeros_like(points)
    hash_grid.encode_position_gradient(points, _all_active(300, device), levels, table, weights, gradient)
    for axis in range(layout.dimensions):
        up, down = points.clone(), points.clone()
        up[:, axis] += step
        down[:, axis] -= step
        # The step as float32 has it: exact, for interpolation is linear along the axis.
        taken = up[:, axis].double() - down[:, axis].double()
        differences = (loss(up) - loss(down)) / taken
        scale = differences.abs().mean()
        torch.testing.assert_close(gradient[:, axis].double(), differences, rtol=2e-3, atol=2e-3 * float(scale))


def test_kernels_of_both_kinds_agree(device: str, layout: GridLayout) -> None:
    """A GPU takes a thread for a point and a level; those kernels run on the CPU as well."""
    points, levels, table = _points(device, layout.dimensions), layout.to_tensor(device), _table(layout, device)
    upstream = Upstream.draw(points, layout)
    head, listed = (layout.dimensions, layout.features, points), (upstream.active, levels)
    features, found = torch.zeros(2, len(points), layout.levels * layout.features, device=device)
    hash_grid.encode(points, levels, table, features)
    hash_grid_kernels.encode_by_point(*head, levels, table, found)
    # Fused multiplications round places in a cell otherwise: by eps times the resolution.
    torch.testing.assert_close(found, features, rtol=1e-5, atol=max(1e-5, 3e-7 * layout.resolutions[-1]))
    gradient, found = torch.zeros(2, *table.shape, device=device)
    hash_grid.encode_backward(points, *listed, upstream.gradients, gradient)
    hash_grid_kernels.encode_backward_by_point(*head, *listed, upstream.gradients, found)
    torch.testing.assert_close(found, gradient, rtol=1e-4, atol=1e-4)
    gradient, found = torch.zeros(2, *points.shape, device=device)
    hash_grid.encode_position_gradient(points, *listed, table, upstream.gradients, gradient)
    hash_grid_kernels.encode_position_gradient_by_point(*head, *listed, table, upstream.gradients, found)
    torch.testing.assert_close(found, gradient, rtol=1e-4, atol=1e-5 * layout.resolutions[-1])


def test_corner_points_read_exactly_one_entry(device: str, shape: tuple[int, int]) -> None:
    layout = _layout("one level", shape)
    dimensions = layout.dimensions
    table = torch.arange(layout.entries * layout.features, dtype=torch.float32, device=device).view(layout.entries, -1)
    corners = torch.cat([torch.zeros(1, dimensions), torch.eye(dimensions), torch.ones(1, dimensions)])
    features = torch.zeros(len(corners), layout.features, device=device)
    hash_grid.encode(corners.to(device), layout.to_tensor(device), table, features)
    rows = [0, *(8 * 9**axis for axis in range(dimensions)), 9**dimensions - 1]
    assert torch.equal(features, table[torch.tensor(rows, device=device)])


@pytest.mark.parametrize(("dimensions", "resolution"), [(2, 256), (3, 32), (4, 16)])
def test_hashed_corners_spread_over_the_rows_as_evenly_as_chance(device: str, dimensions: int, resolution: int) -> None:
    layout = GridLayout.build(1, 12, resolution, resolution, dimensions, 4)
    corners = torch.cartesian_prod(*[torch.linspace(0.0, 1.0, resolution + 1)] * dimensions).to(device)
    counts = torch.zeros(layout.entries, 4, device=device)
    active, ones = _all_active(len(corners), device), torch.ones(len(corners), 4, device=device)
    hash_grid.encode_backward(corners, active, layout.to_tensor(device), ones, counts)
    assert counts[:, 0].sum() == len(corners)
    assert counts[:, 0].var() < 1.3 * counts[:, 0].mean()  # they are equal for random rows


def test_constant_table_interpolates_to_the_constant(device: str, layout: GridLayout) -> None:
    points = _points(device, layout.dimensions)
    table = torch.full((layout.entries, layout.features), 2.5, device=device)
    features = torch.zeros(len(points), layout.levels * layout.features, device=device)
    hash_grid.encode(points, layout.to_tensor(device), table, features)
    torch.testing.assert_close(features, torch.full_like(features, 2.5), rtol=1e-5, atol=1e-5)


def test_no_points_are_no_work(device: str, shape: tuple[int, int]) -> None:
    layout = _layout("dense", shape)
    none = torch.zeros(0, layout.dimensions, device=device)
    gradient = torch.zeros(layout.entries, layout.features, device=device)
    empty = torch.zeros(0, layout.levels * layout.features, device=device)
    levels, no_rows = layout.to_tensor(device), _all_active(0, device)
    hash_grid.encode(none, levels, gradient, empty)
    hash_grid.encode_backward(none, no_rows, levels, empty, gradient)
    hash_grid.encode_position_gradient(none, no_rows, levels, gradient, empty, none)
    assert not gradient.any()
