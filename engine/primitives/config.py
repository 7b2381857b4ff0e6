"""How to train a primitive, of whichever kind: the settings that all have, and how settings are checked and read."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Annotated, Any, Self, get_args, get_type_hints

from engine.link.presets import AUTO, PRESETS
from engine.link.values import Limits, ValueRefused, finite, shorten, whole

MOST = 2**31 - 1  # kernels count in 32 bits
PRESET_NAMES = tuple(name for name in PRESETS if name != AUTO)

Count = Annotated[int, Limits(1, MOST)]
Weight = Annotated[float, Limits(0.0, 1e6)]


class ConfigError(ValueError):
    """A setting that can't be used; the message names it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The settings of training that every kind has. A kind adds its own: numbers with ``Limits``, and dataclasses of
    such numbers, whose settings are called ``name of the field.NAME``."""

    preset: str
    # Adam's rate at the start and, with a budget, the fraction of it that is left at the end.
    learning_rate: Annotated[float, Limits(1e-9, 10.0)] = 1e-2
    final_rate_fraction: Annotated[float, Limits(1e-9, 1.0)] = 0.05
    # Steps over which the rate rises to that.
    warm_up_steps: Annotated[int, Limits(0, MOST)] = 0
    # Without a budget the rate halves each time the step count doubles past this.
    open_ended_half_step: Count = 20_000
    # Factor of all parameters, added to the gradient (see row_adam_step). It regularises: without it a radiance field
    # overfits its views. Half a decibel of a hash grid after a minute on a GPU, as much in the first second.
    weight_decay: Weight = 1e-3
    seed: Annotated[int, Limits(-MOST - 1, MOST)] = 0

    def __post_init__(self) -> None:
        if not isinstance(self.preset, str) or self.preset not in PRESET_NAMES:
            raise ConfigError(f"preset: {shorten(self.preset)} is not one of {', '.join(PRESET_NAMES)}")
        _hold_to_limits(self)

    def learning_rate_at(self, step: int, progress: float | None) -> float:
        """Adam's rate at a training step; ``progress``: how much of the budget is used, None without one."""
        rate = self.learning_rate * min(1.0, (step + 1) / (self.warm_up_steps + 1))
        if progress is None:
            return rate * min(1.0, self.open_ended_half_step / max(step, 1))
        # Constant for the first third, then exponential down to the final fraction.
        fall = min(max((progress - 1 / 3) * 1.5, 0.0), 1.0)
        return rate * math.pow(self.final_rate_fraction, fall)

    def needed_bytes(self, device: str) -> int:
        """About how much memory training takes, without the data; 0 where that is not worth a thought."""
        return 0

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict that ``decode`` reads back."""
        return dataclasses.asdict(self)

    def decode(self, values: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` of a configuration of the same kind wrote. Raises ConfigError that names an unknown or
        missing setting."""
        try:
            parts = {name: type(part)(**values[name]) for name, part in self._parts().items()}
            return type(self)(**{**values, **parts})
        except (TypeError, KeyError) as error:
            raise ConfigError(f"training configuration: {shorten(str(error), 200)}") from None

    def override(self, overrides: Mapping[str, Any]) -> Self:
        """A copy with single settings replaced. Raises ConfigError that names an unknown setting, or a value of the
        wrong type."""
        own: dict[str, Any] = {}
        parts = self._parts()
        replaced: dict[str, dict[str, Any]] = {name: {} for name in parts}
        for key, value in overrides.items():
            part, _, name = key.rpartition(".")
            cls: type = type(parts.get(part, self))
            if name not in _limits_of(cls) or part not in ("", *parts):
                raise ConfigError(f"{shorten(key)}: no such training setting")
            (replaced[part] if part else own)[name] = value
        changed = {name: dataclasses.replace(part, **replaced[name]) for name, part in parts.items()}
        return dataclasses.replace(self, **own, **changed)

    def _parts(self) -> dict[str, Any]:
        """The dataclasses among the settings, by name."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in own.items() if dataclasses.is_dataclass(value)}


@functools.cache
def _hints_of(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@functools.cache
def _limits_of(cls: type) -> dict[str, tuple[type, Limits]]:
    """The numbers among a dataclass's fields: their type, and the limits that stand behind it."""
    hints = _hints_of(cls)
    return {
        field.name: (kind, limits)
        for field in dataclasses.fields(cls)
        for kind, *rest in [get_args(hints[field.name]) or (None,)]
        for limits in rest
        if isinstance(limits, Limits)
    }


def _hold_to_limits(config: Any, prefix: str = "") -> None:
    """Raise ConfigError for a number of a dataclass, or of one of its parts, that is none or outside its limits, and
    for a part that isn't one."""
    cls: type = type(config)
    for name, (kind, limits) in _limits_of(cls).items():
        try:
            value = (whole if kind is int else finite)(getattr(config, name), limits)
        except ValueRefused as error:
            raise ConfigError(f"{prefix}{name}: {error}") from None
        object.__setattr__(config, name, value)
    hints = _hints_of(cls)
    for name in (field.name for field in dataclasses.fields(config)):
        hint, value = hints[name], getattr(config, name)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint) and not isinstance(value, hint):
            raise ConfigError(f"{prefix}{name}: expected its settings, got {shorten(value)}")
        if dataclasses.is_dataclass(value):
            _hold_to_limits(value, f"{prefix}{name}.")
