"""Which kinds there are: the one place that knows them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.link.presets import DEFAULT_FIELD
from engine.link.values import shorten
from engine.primitives.config import ConfigError
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.radiance_field.hash_grid import HASH_GRID
from engine.primitives.radiance_field.kind import RadianceFieldKind
from engine.primitives.radiance_field.nerf import NERF

KINDS: dict[str, RadianceFieldKind] = {kind.name: kind for kind in (HASH_GRID, NERF)}


def kind_named(name: Any) -> RadianceFieldKind:
    """Raises ConfigError when there is none of that name."""
    if not isinstance(name, str) or name not in KINDS:
        raise ConfigError(f"{shorten(name)!r} is not one of {', '.join(KINDS)}")
    return KINDS[name]


def choose_preset(
    preset: str, device: str, overrides: Mapping[str, Any] | None = None, field: str | None = None
) -> RadianceFieldConfig:
    """A preset of the kind that ``field`` names (None: the default one), with single settings replaced (see
    Kind.configure). Raises ConfigError."""
    try:
        kind = kind_named(DEFAULT_FIELD if field is None else field)
    except ConfigError as error:
        raise ConfigError(f"field: {error}") from None
    return kind.configure(preset, device, overrides or {})
