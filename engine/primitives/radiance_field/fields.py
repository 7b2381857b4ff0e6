"""Which kinds of radiance field there are: the one place that knows them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace
from engine.link.presets import DEFAULT_FIELD
from engine.link.values import shorten
from engine.primitives.config import ConfigError
from engine.primitives.memory import require_for_training
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.radiance_field.field_kind import FieldKind
from engine.primitives.radiance_field.hash_grid import HASH_GRID
from engine.primitives.radiance_field.nerf import NERF
from engine.primitives.radiance_field.nerf_hierarchical import NERF_HIERARCHICAL
from engine.primitives.radiance_field.pixel_nerf import PIXEL_NERF
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive

FIELD_KINDS: dict[str, FieldKind] = {kind.name: kind for kind in (HASH_GRID, NERF, NERF_HIERARCHICAL, PIXEL_NERF)}


def field_named(name: Any) -> FieldKind:
    """Raises ConfigError when there is none of that name."""
    if not isinstance(name, str) or name not in FIELD_KINDS:
        raise ConfigError(f"{shorten(name)!r} is not one of {', '.join(FIELD_KINDS)}")
    return FIELD_KINDS[name]


def choose_preset(
    preset: str, device: str, overrides: Mapping[str, Any] | None = None, field: str | None = None
) -> RadianceFieldConfig:
    """A preset of the kind that ``field`` names (None: the default one), with single settings replaced (see
    Presets.configure). Raises ConfigError."""
    try:
        kind = field_named(DEFAULT_FIELD if field is None else field)
    except ConfigError as error:
        raise ConfigError(f"field: {error}") from None
    return kind.configure(preset, device, overrides or {})


def make_primitive(
    config: RadianceFieldConfig, bounds: Bounds, color_space: ColorSpace, device: str
) -> RadianceFieldPrimitive:
    """What ``config`` says how to train, as new. Raises MemoryShortage when it would not fit."""
    kind = field_named(config.kind)
    require_for_training(config, kind.presets["cpu"], device)
    return kind.primitive(config, bounds, color_space, device)
