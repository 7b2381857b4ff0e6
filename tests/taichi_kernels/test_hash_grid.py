"""The hash grid against its twin: values, gradients, borders, and where entries lie."""

from __future__ import annotations

import pytest
import torch

from taichi_kernels import hash_grid, triton_kernels
from taichi_kernels.hash_grid import FEATURES, GridLayout
from taichi_kernels.twins import hash_grid as twin

LAYOUTS = {
    "dense": GridLayout.build(levels=2, log2_table_size=14, base_resolution=4, max_resolution=16),
    "hashed": GridLayout.build(levels=2, log2_table_size=6, base_resolution=8, max_resolution=40),
    "both": GridLayout.build(levels=5, log2_table_size=10, base_resolution=4, max_resolution=300),
    "one level": GridLayout.build(levels=1, log2_table_size=12, base_resolution=8, max_resolution=8),
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


@pytest.fixture(params=list(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> GridLayout:
    return LAYOUTS[request.param]


def _points(device: str) -> torch.Tensor:
    """Random points, and the awkward ones: corners of the cube, cell borders, the middle, just past the cube."""
    random = torch.rand(1500, 3, generator=torch.Generator().manual_seed(1))
    lattice = torch.cartesian_prod(*[torch.tensor([0.0, 0.25, 0.5, 1.0])] * 3)
    outside = torch.tensor([[-1e-6, 0.5, 0.5], [0.5, 1.0 + 1e-6, 0.5], [1.5, -2.0, 0.3]])
    return torch.cat([random, lattice, outside]).to(device)


def _table(layout: GridLayout, device: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    values = torch.randn(layout.entries, FEATURES, generator=torch.Generator().manual_seed(2))
    return values.to(device, dtype)


def test_layout_is_geometric_and_gapless() -> None:
    layout = GridLayout.build(levels=8, log2_table_size=16, base_resolution=16, max_resolution=512)
    assert (layout.resolutions[0], layout.resolutions[-1]) == (16, 512)
    ratios = [b / a for a, b in zip(layout.resolutions, layout.resolutions[1:], strict=False)]
    assert max(ratios) - min(ratios) < 0.07
    assert layout.sizes[:2] == (17**3, (layout.resolutions[1] + 1) ** 3) and layout.sizes[-1] == 2**16
    assert layout.offsets == tuple(sum(layout.sizes[:level]) for level in range(8))
    assert layout.entries == sum(layout.sizes)


def test_features_equal_the_twins(device: str, layout: GridLayout, table_dtype: torch.dtype) -> None:
    points, table, rows = _points(device), _table(layout, device, table_dtype), layout.to_tensor(device)
    shape = (len(points), layout.levels * FEATURES)
    features = torch.full(shape, torch.nan, device=device, dtype=table_dtype)
    expected = torch.zeros(shape, device=device)
    hash_grid.encode(points, rows, table, features)
    twin.encode(points, rows, table, expected)
    tolerance = 2e-3 if table_dtype == torch.float16 else 2e-4  # a position at level 300 is good to 300 * 2^-24
    torch.testing.assert_close(features.float(), expected, rtol=tolerance, atol=tolerance)


def test_gradient_equals_autograds(device: str, layout: GridLayout, table_dtype: torch.dtype) -> None:
    """Of some of the points, not in their order; what lies in the arrays past their number must not count."""
    points, levels = _points(device), layout.to_tensor(device)
    generator = torch.Generator().manual_seed(3)
    rows = torch.randperm(len(points), generator=generator).int().to(device)
    row_count = torch.tensor([2 * len(points) // 3], dtype=torch.int32, device=device)
    shape = (len(points), layout.levels * FEATURES)
    upstream = torch.randn(shape, generator=generator).to(device, table_dtype)
    upstream[::7] = 0.0
    before = torch.ones(layout.entries, FEATURES, device=device)
    gradient, expected = before.clone(), before.clone()
    hash_grid.encode_backward(points, rows, row_count, levels, upstream, gradient)
    twin.encode_backward(points, rows, row_count, levels, upstream, expected)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=2e-3)
    assert not torch.equal(gradient, before)


def test_corner_points_read_exactly_one_entry(device: str) -> None:
    layout = LAYOUTS["one level"]
    table = torch.arange(layout.entries * FEATURES, dtype=torch.float32, device=device).view(-1, FEATURES)
    corners = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    features = torch.zeros(len(corners), FEATURES, device=device)
    hash_grid.encode(corners.to(device), layout.to_tensor(device), table, features)
    rows = torch.tensor([0, 8, 8 * 9, 8 * 81, 9**3 - 1], device=device)
    assert torch.equal(features, table[rows])


def test_constant_table_interpolates_to_the_constant(device: str, layout: GridLayout) -> None:
    points = _points(device)
    table = torch.full((layout.entries, FEATURES), 2.5, device=device)
    features = torch.zeros(len(points), layout.levels * FEATURES, device=device)
    hash_grid.encode(points, layout.to_tensor(device), table, features)
    torch.testing.assert_close(features, torch.full_like(features, 2.5), rtol=1e-5, atol=1e-5)


def test_no_points_are_no_work(device: str) -> None:
    layout = LAYOUTS["dense"]
    none = torch.zeros(0, 3, device=device)
    gradient = torch.zeros(layout.entries, FEATURES, device=device)
    empty = torch.zeros(0, layout.levels * FEATURES, device=device)
    hash_grid.encode(none, layout.to_tensor(device), gradient, empty)
    no_rows = torch.zeros(1, dtype=torch.int32, device=device)
    hash_grid.encode_backward(none, no_rows[:0], no_rows, layout.to_tensor(device), empty, gradient)
    assert not gradient.any()
