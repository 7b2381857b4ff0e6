"""What counts as trouble in a training."""

from __future__ import annotations

import math

import pytest

from benchmarks.stability import find_trouble
from tests.engine.training.small_run import make_trainer
from tests.engine.training.textured_sphere import training_views


@pytest.mark.parametrize(
    "name", ["field.table gradients", "field.weights working copy", "field.table_moments", "occupancy.densities"]
)
def test_a_value_that_is_not_finite_is_named(device: str, name: str) -> None:
    trainer = make_trainer(device, "srgb", training_views("srgb", count=2, size=16))
    trainer.step()
    assert find_trouble(trainer) is None
    field = trainer.primitive.field
    others = {
        "field.table gradients": field.encoding.table.gradients,
        "field.weights working copy": field.networks.weights.working,
    }
    (others | trainer.state())[name].view(-1)[7] = math.nan if "gradients" in name else math.inf
    trouble = find_trouble(trainer)
    assert trouble is not None and name in trouble
