"""The optimiser's groups (its step is compared with its twin in ``tests/taichi_kernels``)."""

from __future__ import annotations

import pytest
import torch

from engine.optimizers.parameters import ParameterGroup
from engine.optimizers.row_adam import RowAdam


def group(name: str) -> ParameterGroup:
    return ParameterGroup.begin(name, torch.zeros(4, 2), torch.float32)


def test_each_group_has_its_own_moments() -> None:
    assert sorted(RowAdam([group("table"), group("weights")]).state()) == ["table_moments", "weights_moments"]


def test_two_groups_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="2 groups of parameters are called table: give each a name of its own"):
        RowAdam([group("table"), group("weights"), group("table")])
