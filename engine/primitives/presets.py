"""The settings that a primitive is trained with where nothing else is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Generic, Self, TypeVar

from engine.link.presets import AUTO, PRESETS_OF_DEVICES
from engine.primitives.config import PRESET_NAMES, ConfigError, TrainConfig

C = TypeVar("C", bound=TrainConfig)


@dataclasses.dataclass(frozen=True)
class Presets(Generic[C]):
    """A configuration for each kind of device, by the preset's name."""

    presets: Mapping[str, C]

    @classmethod
    def alike(cls, make: Callable[[str], C]) -> Self:
        """Those of a kind that is trained alike on every device: ``make`` gives a preset of its name."""
        return cls({name: make(name) for name in PRESET_NAMES})

    def configure(self, preset: str, device: str, overrides: Mapping[str, Any]) -> C:
        """The named preset ("auto": by device), with single settings replaced. Raises ConfigError that names an unknown
        preset or setting, or a value of the wrong type."""
        name = PRESETS_OF_DEVICES[device] if preset == AUTO else preset
        if name not in self.presets:
            raise ConfigError(f"preset: {preset!r} is not one of auto, {', '.join(self.presets)}")
        return self.presets[name].override(self.complete(name, overrides))

    def complete(self, preset: str, overrides: Mapping[str, Any]) -> Mapping[str, Any]:
        """``overrides`` and what they entail in this preset."""
        return overrides

    def decode(self, values: Mapping[str, Any]) -> C:
        """Read what TrainConfig.to_json wrote. Raises ConfigError that names an unknown or missing setting."""
        return next(iter(self.presets.values())).decode(values)
