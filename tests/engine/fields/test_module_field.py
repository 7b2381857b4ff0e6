"""Any torch module as a field: what is trained, what is saved of it, what a copy shares with it."""

from __future__ import annotations

import pytest
import torch

from engine.fields.autograd import ModuleField


class Normalized(torch.nn.Module):
    """A weight beside a running mean, a counter and what is made anew each time."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.tied = self.weight
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("seen", torch.tensor(0))
        self.register_buffer("scratch", torch.zeros(5), persistent=False)


def make(device: str) -> ModuleField:
    return ModuleField(Normalized(), device, torch.float32)


def test_what_is_saved_are_the_parameters_and_the_buffers_that_last(device: str) -> None:
    field = make(device)
    field.weights.values.fill_(2.0)
    field.module.mean.fill_(3.0)
    field.module.seen += 7
    state = {name: tensor.clone() for name, tensor in field.state().items()}
    assert sorted(state) == ["field.buffers.mean", "field.buffers.seen", "field.weights"]
    other = make(device)
    other.load_state(state)
    assert other.module.weight.tolist() == [2.0] * 3 and other.module.tied is other.module.weight
    assert other.module.mean.tolist() == [3.0] * 2 and int(other.module.seen) == 7


def test_a_buffer_that_is_missing_is_named(device: str) -> None:
    state = make(device).state()
    del state["field.buffers.mean"]
    with pytest.raises(ValueError, match=r"field\.buffers\.mean: expected \[2\] torch\.float32, found nothing"):
        make(device).load_state(state)


def test_a_frozen_copy_keeps_its_buffers(device: str) -> None:
    field = make(device)
    frozen = field.frozen()
    field.module.mean.fill_(3.0)
    field.weights.values.fill_(2.0)
    assert frozen.module.mean.tolist() == [0.0] * 2 and frozen.module.weight.tolist() == [1.0] * 3
    assert field.frozen_bytes == sum(tensor.nbytes for tensor in (field.weights.values, *field.module.buffers()))
