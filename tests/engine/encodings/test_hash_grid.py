"""The hash encoding as networks use it: it learns, it gives positions their gradient, and a frozen one stays."""

from __future__ import annotations

import pytest
import torch

from engine.encodings.hash_grid import HashEncoding
from engine.optimizers.row_adam import RowAdam
from taichi_kernels.bundles import ActiveSamples
from taichi_kernels.hash_grid import GridLayout

POINTS = 2000


@pytest.fixture(params=[(2, 2), (2, 4), (3, 2), (3, 4), (4, 2), (4, 4)], ids=lambda shape: f"{shape[0]}D, {shape[1]}")
def encoding(request: pytest.FixtureRequest, device: str) -> HashEncoding:
    dimensions, features = request.param
    layout = GridLayout.build(4, 10, 2, 16, dimensions, features)
    dtype = torch.float16 if device == "cuda" else torch.float32
    return HashEncoding(layout, "field.table", device, dtype, torch.Generator().manual_seed(1))


class Regression:
    """The sum of all features against a wave across the unit cube, at random points."""

    def __init__(self, encoding: HashEncoding, device: str) -> None:
        generator = torch.Generator().manual_seed(2)
        self.encoding = encoding
        self.points = torch.rand(POINTS, encoding.in_dims, generator=generator).to(device)
        self.wanted = torch.sin(4.0 * self.points.sum(1))
        self.features = torch.zeros(POINTS, encoding.out_dims, device=device, dtype=encoding.table.working.dtype)
        rows = torch.arange(POINTS, dtype=torch.int32, device=device)
        self.active = ActiveSamples(rows, torch.tensor([POINTS], dtype=torch.int32, device=device))

    def residual(self) -> torch.Tensor:
        """What the sum exceeds the wave by [n]: half the gradient of the squared error."""
        self.encoding.forward(self.points, self.features)
        return self.features.float().sum(1) - self.wanted

    def grad_features(self) -> torch.Tensor:
        """Half the gradient of the squared error with respect to the features."""
        return self.residual()[:, None].expand_as(self.features).to(self.features.dtype).contiguous()

    def learn(self, steps: int) -> None:
        optimizer = RowAdam([self.encoding.table])
        for _ in range(steps):
            self.encoding.backward(self.points, self.active, self.grad_features())
            optimizer.step(1e-2)


def test_it_learns_a_function(encoding: HashEncoding, device: str) -> None:
    regression = Regression(encoding, device)
    before = float(regression.residual().square().mean())
    regression.learn(60)
    assert float(regression.residual().square().mean()) < 0.1 * before


def test_points_go_down_the_gradient_of_their_position(encoding: HashEncoding, device: str) -> None:
    """Each to where the learnt wave has the value 0."""
    regression = Regression(encoding, device)
    regression.learn(60)
    regression.wanted.zero_()
    before = float(regression.residual().square().mean())
    for _ in range(30):
        gradient = torch.zeros_like(regression.points)
        encoding.position_gradient(regression.points, regression.active, regression.grad_features(), gradient)
        regression.points -= 0.01 * gradient
    assert float(regression.residual().square().mean()) < 0.3 * before


def test_a_frozen_one_stays_as_it_was(encoding: HashEncoding, device: str) -> None:
    regression = Regression(encoding, device)
    frozen, before = encoding.frozen(), regression.residual()
    regression.learn(3)
    assert not torch.equal(regression.residual(), before)
    regression.encoding = frozen
    assert torch.equal(regression.residual(), before)


def test_points_of_other_dimensions_are_refused(encoding: HashEncoding, device: str) -> None:
    wrong = torch.zeros(POINTS, 2 if encoding.in_dims == 3 else 3, device=device)
    regression = Regression(encoding, device)
    words = rf"^points \[2000, {wrong.shape[1]}\]: expected {encoding.in_dims} coordinates each$"
    with pytest.raises(ValueError, match=words):
        encoding.forward(wrong, regression.features)
    with pytest.raises(ValueError, match=words):
        encoding.backward(wrong, regression.active, regression.features)
    with pytest.raises(ValueError, match=words):
        encoding.position_gradient(wrong, regression.active, regression.features, wrong)
