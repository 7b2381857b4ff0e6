"""Which kinds of primitive there are: the one place that knows them by name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from engine.link.message_types import Tagged
from engine.link.primitives import PluginSpec, PrimitiveSpec
from engine.link.values import shorten
from engine.primitives.config import ConfigError
from engine.primitives.kind import Kind
from engine.primitives.radiance_field.kind import RADIANCE_FIELD

_OWN: tuple[Kind[Any], ...] = (RADIANCE_FIELD,)
# Packages that are installed beside the engine may bring further kinds: an entry point of this group names a Kind.
PLUGINS = "hashlight.primitives"


@functools.cache
def kinds() -> Mapping[str, Kind[Any]]:
    """All kinds by name. Raises ConfigError when a package brings something else, or a name that is taken."""
    found = {kind.name: kind for kind in _OWN}
    for point in entry_points(group=PLUGINS):
        kind = point.load()
        if not isinstance(kind, Kind) or kind.name in found:
            raise ConfigError(f"primitive {point.name!r} of {point.value}: not a Kind of a name of its own")
        found[kind.name] = kind
    return found


def kind_named(name: Any) -> Kind[Any]:
    """Raises ConfigError when there is none of that name."""
    if not isinstance(name, str) or name not in kinds():
        raise ConfigError(f"{shorten(name)!r} is not one of {', '.join(kinds())}")
    return kinds()[name]


def from_link(spec: Tagged) -> tuple[Kind[Any], Tagged]:
    """The kind that a client asks for, and its specification. Raises ConfigError."""
    if not isinstance(spec, PluginSpec):
        return kind_named(spec.kind), spec
    try:
        kind = kind_named(spec.name)
    except ConfigError as error:
        raise ConfigError(f"primitive.name: {error}") from None
    return kind, kind.read_spec(spec.settings)


def for_link(spec: Tagged) -> PrimitiveSpec:
    """``spec`` as a client is told of it: the link has types for our own kinds."""
    if isinstance(spec, PrimitiveSpec):
        return spec
    return PluginSpec(name=spec.kind, settings=kind_named(spec.kind).describe_spec(spec))
