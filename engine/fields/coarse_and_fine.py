"""The original NeRF's two networks (Mildenhall et al. 2020, section 5.2): a coarse one that tells where to look, and a
fine one that is looked at."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated, ClassVar

import torch

from engine.fields.autograd import ModuleField
from engine.fields.nerf import NerfNetwork, NetworkSize, choose_dtype
from engine.link.values import Limits
from taichi_kernels.activations import DENSITY_SCALE


@dataclasses.dataclass(frozen=True)
class CoarseAndFineConfig(NetworkSize):
    """Size of both networks, and how many samples a ray has: ``coarse_samples`` for the first, and ``fine_samples``
    more for the second, which sees them all. ``initial_density``: about that of both before they have learnt anything,
    in units of one over the unit cube's side; the default is what networks without biases begin with (see
    taichi_kernels.activations). The others' defaults are the paper's."""

    kind: ClassVar[str] = "nerf-hierarchical"

    coarse_samples: Annotated[int, Limits(2, 1024)] = 64
    fine_samples: Annotated[int, Limits(1, 1024)] = 128
    initial_density: Annotated[float, Limits(1e-3, 1e3)] = DENSITY_SCALE

    @property
    def summary(self) -> str:
        """As FieldConfig.summary."""
        return f"twice {super().summary}; {self.coarse_samples} and {self.fine_samples} samples a ray"

    @property
    def ray_evaluations(self) -> int:
        """How often a network is evaluated for a ray: the fine one sees all samples."""
        return 2 * self.coarse_samples + self.fine_samples

    def build(self, device: str, seed: int) -> CoarseAndFine:
        """Both networks, as new."""
        return CoarseAndFine(self, device, seed)

    def needed_bytes(self, samples: int, device: str) -> int:
        """As FieldConfig.needed_bytes, of both."""
        return 2 * super().needed_bytes(samples, device)


class CoarseAndFine(ModuleField):
    """Two networks of one shape: ``coarse``, which places samples, and ``fine``, which is shown."""

    def __init__(self, config: CoarseAndFineConfig, device: str, seed: int) -> None:
        dtype = choose_dtype(device)
        super().__init__(_Networks(config, torch.Generator().manual_seed(seed), dtype), device, dtype)
        self.module: _Networks
        self.config = config

    @property
    def coarse(self) -> NerfNetwork:
        return self.module.coarse

    @property
    def fine(self) -> NerfNetwork:
        return self.module.fine


class _Networks(torch.nn.Module):
    def __init__(self, config: CoarseAndFineConfig, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.coarse = NerfNetwork(config, generator, dtype)
        self.fine = NerfNetwork(config, generator, dtype)
        for network in (self.coarse, self.fine):
            torch.nn.init.constant_(network.density_layer.bias, math.log(config.initial_density / DENSITY_SCALE))
