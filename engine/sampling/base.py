"""What a sampler is to a radiance field's training: it places samples along rays, and knows no field."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Protocol

import torch

from engine.fields.base import SampleBatch, Workspace
from engine.link.geometry import Camera
from taichi_kernels.bundles import Rays
from taichi_kernels.stepping import StepRule

# Raw densities at the points of a batch, as FieldOutputs.density_rows.
DensityFunction = Callable[[SampleBatch[Workspace]], torch.Tensor]


@dataclasses.dataclass(eq=False)
class RaySamples:
    """The samples of a step's rays. ``batch`` holds them, ``spans`` [rays, 2] int32 says of each ray which is its first
    and how many it has, ``count`` [1] int32 tells on the device how many there are; those behind it in ``batch`` belong
    to no ray."""

    batch: SampleBatch[Workspace]
    spans: torch.Tensor
    count: torch.Tensor


class Sampler(Protocol):
    """Places samples where rays may meet something, by what it learns of that on the way.

    Called in each training step, in this order: ``sample``, ``observe`` unless there were none, ``update``. On a GPU
    none of them may wait for the device but now and then (see DeviceProfile.read_every).
    """

    @property
    def ray_count(self) -> int:
        """How many rays the next step is to draw: as many as its samples are enough for."""

    @property
    def sample_count(self) -> int:
        """Samples that the rays needed when that was last looked at."""

    def sample(self, rays: Rays, rule: StepRule, out: SampleBatch[Workspace], step: int) -> RaySamples | None:
        """Samples of ``rays``, written into ``out``, as many as it has room for; None if there are none."""

    def observe(self, samples: RaySamples, densities: torch.Tensor, rule: StepRule, step: int) -> None:
        """Take note of the raw ``densities`` [n, any] (column 0 counts) that the field has at ``samples``."""

    def update(self, density: DensityFunction, scratch: SampleBatch[Workspace], step: int) -> None:
        """After ``step`` steps: look at the field itself where that is due, with ``scratch`` for the points."""

    def look(self, camera: Camera, alpha: torch.Tensor, depth: torch.Tensor | None) -> torch.Tensor:
        """What a view says of where things are, for ``take``: ``alpha`` [H, W] f32 and ``depth`` [H, W] f32 (planar
        z in world units, +inf where nothing is, 0 where it isn't known; None when it was not captured)."""

    def take(self, view: str, marks: torch.Tensor) -> None:
        """Take the view of this name in by what ``look`` found, in the place of the one that bore the name before."""

    @property
    def view_bytes(self) -> int:
        """What ``take`` keeps of each view."""

    def state(self) -> dict[str, torch.Tensor]:
        """What was learnt, by name, on the device, not copied."""

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError that names a missing or misshapen tensor."""
