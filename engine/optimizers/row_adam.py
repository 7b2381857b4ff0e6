"""Adam with one second moment a row of parameters, over the groups that a field offers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import torch

from engine.optimizers.parameters import ParameterGroup, load_tensors
from taichi_kernels.row_adam import row_adam_step


class RowAdam:
    """Moves ``groups`` by their gradients. A row without a gradient stays as it is; groups of one column have Adam as
    published, but for the bias correction (see row_adam_step)."""

    def __init__(self, groups: Sequence[ParameterGroup]) -> None:
        """Raises ValueError for two groups of one name, by which their moments are saved."""
        counts = Counter(group.name for group in groups)
        if repeated := [name for name, count in counts.items() if count > 1]:
            raise ValueError(
                f"{counts[repeated[0]]} groups of parameters are called {repeated[0]}: give each a name of its own"
            )
        # Each row has its first moments, then the second.
        self.moments = {
            group.name: torch.zeros(group.values.shape[0], group.values.shape[1] + 1, device=group.values.device)
            for group in groups
        }
        self._pairs = [(group, self.moments[group.name]) for group in groups]

    def step(self, rate: float, gradient_scale: float = 1.0, weight_decay: float = 0.0) -> None:
        """One step with the gradients at hand, times ``gradient_scale``; they are zeroed."""
        for group, moments in self._pairs:
            own_rate = min(rate, group.fastest)
            row_adam_step(group.values, group.gradients, moments, group.working, own_rate, gradient_scale, weight_decay)

    def state(self) -> dict[str, torch.Tensor]:
        """The moments by name, on the device, not copied."""
        return {f"{name}_moments": moments for name, moments in self.moments.items()}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError when a tensor is missing or of another size."""
        load_tensors(self.state(), state)
