"""Adam on table rows against its twin, over several steps."""

from __future__ import annotations

import math

import pytest
import torch

from taichi_kernels.row_adam import row_adam_step
from taichi_kernels.twins import row_adam as twin

ROWS, COLUMNS = 300, 4


def test_many_steps_equal_the_twins(device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(ROWS, COLUMNS, generator=generator).to(device)
    half = torch.float16 if device == "cuda" else torch.float32
    ours = [start.clone(), torch.zeros(ROWS, COLUMNS + 1, device=device), start.to(half)]
    theirs = [tensor.clone() for tensor in ours]
    for step in range(6):
        gradients = torch.randn(ROWS, COLUMNS, generator=generator).to(device)
        gradients[torch.rand(ROWS, generator=generator).to(device) < 0.4] = 0.0
        expected = gradients.clone()
        rate = 1e-2 / (step + 1)
        row_adam_step(ours[0], gradients, ours[1], ours[2], rate, 1 / 16, 0.3)
        twin.row_adam_step(theirs[0], expected, theirs[1], theirs[2], rate, 1 / 16, 0.3)
        assert not gradients.any()
        for kernel, expectation in zip(ours, theirs, strict=True):
            torch.testing.assert_close(
                kernel, expectation, rtol=2e-3 if kernel.dtype == torch.float16 else 1e-5, atol=1e-6
            )


def test_the_decay_is_the_gradient_of_half_the_square(device: str) -> None:
    # It pulls against the gradient: where they are equal, nothing moves.
    parameters = torch.tensor([[2.0] * COLUMNS, [-4.0] * COLUMNS], device=device)
    gradients = torch.tensor([[-0.5] * COLUMNS, [1.0] * COLUMNS], device=device)
    row_adam_step(parameters, gradients, torch.zeros(2, COLUMNS + 1, device=device), parameters, 0.1, 0.5, 0.125)
    torch.testing.assert_close(parameters, torch.tensor([[2.0] * COLUMNS, [-4.0] * COLUMNS], device=device))


def test_rows_without_gradient_stay_as_they_are(device: str) -> None:
    parameters = torch.ones(2, COLUMNS, device=device)
    moments = torch.full((2, COLUMNS + 1), 0.5, device=device)
    gradients = torch.zeros(2, COLUMNS, device=device)
    gradients[1, 2] = 1.0
    row_adam_step(parameters, gradients, moments, parameters, 0.1)
    assert (parameters[0] == 1.0).all() and (moments[0] == 0.5).all()
    assert (parameters[1] < 1.0).all()  # the row's other columns follow their momentum


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e20])
def test_a_row_whose_gradient_is_not_finite_waits_for_its_next_one(device: str, value: float) -> None:
    parameters = torch.ones(2, COLUMNS, device=device)
    moments = torch.full((2, COLUMNS + 1), 0.5, device=device)
    gradients = torch.ones(2, COLUMNS, device=device)
    gradients[0, 2] = value
    row_adam_step(parameters, gradients, moments, parameters, 0.1)
    assert (parameters[0] == 1.0).all() and (moments[0] == 0.5).all() and not gradients.any()
    assert (parameters[1] < 1.0).all()


def test_first_step_moves_by_the_learning_rate(device: str) -> None:
    # However large or small the gradient: m / sqrt(v) is 1 in size when all columns share it.
    for magnitude in (1e-8, 1.0, 1e4):
        parameters = torch.zeros(1, COLUMNS, device=device)
        gradients = torch.full((1, COLUMNS), -magnitude, device=device)
        row_adam_step(parameters, gradients, torch.zeros(1, COLUMNS + 1, device=device), parameters, 1e-2)
        torch.testing.assert_close(parameters, torch.full_like(parameters, 1e-2), rtol=1e-4, atol=0)
