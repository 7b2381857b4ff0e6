"""What every encoding does alike: gradients of the points that are listed, against differences of its features."""

from __future__ import annotations

import pytest
import torch

from engine.encodings.base import Encoding
from engine.encodings.frequency import FrequencyEncoding
from engine.encodings.hash_grid import HashEncoding
from taichi_kernels.bundles import ActiveSamples
from taichi_kernels.hash_grid import GridLayout

POINTS, CELLS = 6, 8
# A part of the points, in another order; what comes after the first COUNT rows is left over.
ROWS, COUNT = [4, 0, 3, 1, 2], 3
STEP = 0.05 / CELLS


def _hash_encoding(device: str, dimensions: int) -> HashEncoding:
    layout = GridLayout.build(2, 10, CELLS // 2, CELLS, dimensions, features=4)
    encoding = HashEncoding(layout, "table", device, torch.float32, torch.Generator().manual_seed(1))
    encoding.table.values.mul_(1e4)
    return encoding


@pytest.fixture(params=["frequency", "hash grid, 2D", "hash grid, 3D", "hash grid, 4D"])
def encoding(request: pytest.FixtureRequest, device: str) -> Encoding:
    if request.param == "frequency":
        return FrequencyEncoding(3, 2)
    return _hash_encoding(device, int(request.param[-2]))


class Listed:
    """Points, the listed ones, and d loss / d features of these alone: row i is of the point that is listed as i."""

    def __init__(self, encoding: Encoding, device: str) -> None:
        generator = torch.Generator().manual_seed(0)
        cells = torch.randint(0, CELLS, (POINTS, encoding.in_dims), generator=generator)
        # Far from the borders of cells of either level, where a hash grid's slope jumps.
        self.points = ((cells + 0.3) / CELLS).to(device)
        rows, count = torch.tensor(ROWS, dtype=torch.int32), torch.tensor([COUNT], dtype=torch.int32)
        self.active = ActiveSamples(rows.to(device), count.to(device))
        self.grad_features = torch.randn(len(ROWS), encoding.out_dims, generator=generator).to(device)
        self.grad_features[COUNT:] = torch.nan  # nobody reads them
        self.encoding = encoding

    def losses(self, points: torch.Tensor) -> torch.Tensor:
        """Of each point [n], 0 for those that aren't listed."""
        features = torch.zeros(POINTS, self.encoding.out_dims, device=points.device)
        self.encoding.forward(points, features)
        losses = torch.zeros(POINTS, dtype=torch.float64, device=points.device)
        for i, row in enumerate(ROWS[:COUNT]):
            losses[row] = (features[row].double() * self.grad_features[i].double()).sum()
        return losses


def test_listed_points_get_their_gradient_and_others_nothing(encoding: Encoding, device: str) -> None:
    listed = Listed(encoding, device)
    gradient = torch.ones_like(listed.points)  # what is there already is added to
    encoding.position_gradient(listed.points, listed.active, listed.grad_features, gradient)
    for axis in range(encoding.in_dims):
        up, down = listed.points.clone(), listed.points.clone()
        up[:, axis] += STEP
        down[:, axis] -= STEP
        taken = up[:, axis].double() - down[:, axis].double()
        slopes = (listed.losses(up) - listed.losses(down)) / taken
        torch.testing.assert_close(gradient[:, axis].double(), 1.0 + slopes, rtol=2e-3, atol=1e-2)
    passed_over = [row for row in range(POINTS) if row not in ROWS[:COUNT]]
    assert torch.equal(gradient[passed_over], torch.ones_like(gradient[passed_over]))


def test_listed_points_move_the_parameters_and_others_do_not(encoding: Encoding, device: str) -> None:
    listed = Listed(encoding, device)
    for group in encoding.parameters():
        group.gradients.fill_(1.0)  # what is there already is added to
    encoding.backward(listed.points, listed.active, listed.grad_features)
    for group in encoding.parameters():
        direction = torch.randn(group.values.shape, generator=torch.Generator().manual_seed(2)).to(device)
        before = listed.losses(listed.points).sum()
        group.values.add_(direction)
        change = listed.losses(listed.points).sum() - before  # exact: features are linear in a table
        found = ((group.gradients - 1.0).double() * direction.double()).sum()
        torch.testing.assert_close(found, change, rtol=1e-3, atol=1e-3)
