"""What the registry knows of a kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from engine.device import PROFILES
from engine.fields.base import FieldConfig
from engine.primitives.config import ConfigError, TrainConfig


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of radiance field: its configuration's class, which builds it, and a preset for each kind of device.
    ``several_cascades``: by preset, the settings of scenes that go on around their subject."""

    field_config: type[FieldConfig]
    presets: Mapping[str, TrainConfig]
    several_cascades: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """As on the command line and in run.json."""
        return self.field_config.kind

    def configure(self, preset: str, device: str, overrides: Mapping[str, Any]) -> TrainConfig:
        """The named preset ("auto": by device), with single settings replaced. With more than one of ``cascades`` among
        them, the preset is one for scenes that go on around their subject.

        Raises ConfigError that names an unknown preset or setting, or a value of the wrong type.
        """
        name = PROFILES[device].preset if preset == "auto" else preset
        if name not in self.presets:
            raise ConfigError(f"preset: {preset!r} is not one of auto, {', '.join(self.presets)}")
        if overrides.get("cascades", 1) != 1:
            overrides = {**self.several_cascades[name], **overrides}
        return self.presets[name].override(overrides)

    def decode(self, values: Mapping[str, Any]) -> TrainConfig:
        """Read what TrainConfig.to_json wrote. Raises ConfigError that names an unknown or missing setting."""
        return TrainConfig.from_json(values, self.field_config)
