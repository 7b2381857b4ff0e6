"""Colours' activation by torch: nothing of a training step outlives it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
import torch

from taichi_kernels.torch_functions.activations import activate_color


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Garbage of cycles stays: what goes, goes by its count of references."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("linear", [False, True])
def test_colors_are_freed_once_a_step_is_done(linear: bool, no_collector: None) -> None:
    raw = torch.randn(4, 3, requires_grad=True)
    color = activate_color(2.0 * raw, linear)
    color.sum().backward()
    freed = weakref.ref(color)
    function = weakref.ref(color.grad_fn)
    del color
    assert freed() is None and function() is None


@pytest.mark.parametrize("linear", [False, True])
def test_within_its_limits_the_gradient_is_that_of_finite_differences(linear: bool) -> None:
    raw = torch.linspace(-3.5, 6.0, 25, dtype=torch.float64).view(-1, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda value: activate_color(value, linear), raw)
