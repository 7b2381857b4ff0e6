"""Parameters as an optimiser sees them, whatever they belong to."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Self

import torch


@dataclasses.dataclass(eq=False)
class ParameterGroup:
    """Parameters that are moved at one rate. ``name``: of ``values`` in a snapshot.

    ``values`` [rows, columns] f32; a row shares one second moment (see RowAdam). ``gradients`` [rows, columns] f32,
    which the optimiser zeroes when it has used them. ``working`` [rows, columns]: the copy that computes, in its own
    dtype; ``values`` itself where that is float32. ``fastest``: their rate stays at this where others' is higher.
    """

    name: str
    values: torch.Tensor
    gradients: torch.Tensor
    working: torch.Tensor
    fastest: float = math.inf

    @classmethod
    def begin(cls, name: str, values: torch.Tensor, dtype: torch.dtype, fastest: float = math.inf) -> Self:
        """The group of ``values`` [rows, columns] f32, with a working copy of ``dtype``."""
        working = values if dtype == values.dtype else values.to(dtype)
        return cls(name, values, torch.zeros_like(values), working, fastest)

    def frozen(self) -> Self:
        """These parameters as they are now, for evaluation alone: what computes is a copy."""
        copied = self.working.clone()
        return dataclasses.replace(self, values=copied, working=copied)

    def refresh_working(self) -> None:
        """Bring the working copy to ``values``, which were set from outside."""
        if self.working is not self.values:
            self.working.copy_(self.values)


def load_tensors(own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]) -> None:
    """Overwrite each tensor of ``own`` with the one of its name in ``state``. Raises ValueError when one is missing or
    of another size or dtype."""
    for name, tensor in own.items():
        if name not in state or (state[name].shape, state[name].dtype) != (tensor.shape, tensor.dtype):
            found = f"{list(state[name].shape)} {state[name].dtype}" if name in state else "nothing"
            raise ValueError(f"{name}: expected {list(tensor.shape)} {tensor.dtype}, found {found}")
        tensor.copy_(state[name])
