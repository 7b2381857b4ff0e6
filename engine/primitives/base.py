"""What a primitive is to those that train, save and look at it, and what the registry knows of a kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Generic, Protocol, Self, TypeVar

import torch

from engine.device import PROFILES
from engine.optimizers.parameters import ParameterGroup
from engine.primitives.config import ConfigError, TrainConfig


class NoDataError(ValueError):
    """There is nothing to train on yet; in words."""


class Primitive(Protocol):
    """A function that a small network learns from what is added to it.

    A training step is ``step``, then the optimiser's, then ``update``. What ``step`` and ``update`` allocate or read
    back is paid for in every step.
    """

    device: str

    @property
    def config(self) -> TrainConfig:
        """How it is trained."""

    @property
    def gradient_scale(self) -> float:
        """What gradients are multiplied with, to lie well inside their format's range."""

    def parameters(self) -> list[ParameterGroup]:
        """What the optimiser is to move."""

    def step(self, step: int, progress: float | None) -> bool:
        """Draw samples, evaluate them, and leave the loss's gradients with the parameters; returns whether there are
        any. ``progress``: how much of the budget is used, 0 to 1; None without one. Raises NoDataError."""

    def update(self, step: int) -> None:
        """What is due after the optimiser's step, ``step`` steps having been done."""

    def loss(self) -> float | None:
        """Of the last step, None before the first. Reads the device."""

    def figures(self) -> dict[str, float]:
        """Of the last step, by name: what it was about. Reads the device."""

    def scratch(self) -> Self:
        """One like it, as it was before it learnt anything, with made-up data to warm the kernels up on."""

    def state(self) -> dict[str, torch.Tensor]:
        """All a resume needs but the data and the optimiser's part, by name, on the device, not copied."""

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError that names a missing or misshapen tensor."""


C = TypeVar("C", bound=TrainConfig)


@dataclasses.dataclass(frozen=True)
class Kind(Generic[C]):
    """A kind of primitive: its name on the command line and in run.json, and a preset for each kind of device."""

    name: str
    presets: Mapping[str, C]

    def configure(self, preset: str, device: str, overrides: Mapping[str, Any]) -> C:
        """The named preset ("auto": by device), with single settings replaced. Raises ConfigError that names an unknown
        preset or setting, or a value of the wrong type."""
        name = PROFILES[device].preset if preset == "auto" else preset
        if name not in self.presets:
            raise ConfigError(f"preset: {preset!r} is not one of auto, {', '.join(self.presets)}")
        return self.presets[name].override(self.complete(name, overrides))

    def complete(self, preset: str, overrides: Mapping[str, Any]) -> Mapping[str, Any]:
        """``overrides`` and what they entail in this preset."""
        return overrides

    def decode(self, values: Mapping[str, Any]) -> C:
        """Read what TrainConfig.to_json wrote. Raises ConfigError that names an unknown or missing setting."""
        return next(iter(self.presets.values())).decode(values)
