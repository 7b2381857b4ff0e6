"""Which kinds of primitive there are: the one place that knows them by name."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from engine.link.message_types import Tagged
from engine.link.metrics import write_descriptions
from engine.link.primitives import PluginSpec, PrimitiveSpec
from engine.link.values import shorten
from engine.primitives.config import ConfigError
from engine.primitives.image.kind import IMAGE
from engine.primitives.kind import Kind
from engine.primitives.radiance_field.kind import RADIANCE_FIELD
from engine.primitives.signed_distance.kind import SIGNED_DISTANCE

log = logging.getLogger("hashlight.primitives")

_OWN: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (RADIANCE_FIELD, IMAGE, SIGNED_DISTANCE)}
# Packages that are installed beside the engine may bring further kinds: an entry point of this group names a Kind.
PLUGINS = "hashlight.primitives"


@functools.cache
def _all_kinds() -> tuple[Mapping[str, Kind[Any]], tuple[str, ...]]:
    """All kinds by name, and what is wrong with packages whose kinds are not among them."""
    found, faults = dict(_OWN), list[str]()
    for point in entry_points(group=PLUGINS):
        try:
            kind = _load(point)
            if kind.name in found:
                raise ConfigError(f"there is another {kind.name}")
            if kind.name != point.name:
                raise ConfigError(f"its kind is called {kind.name}")
            found[kind.name] = kind
        except Exception as error:  # another package's module may raise anything when it is imported
            package = point.value if point.dist is None else point.dist.name
            words = shorten(str(error) or type(error).__name__, 200)
            faults.append(f"{point.name!r} of the package {package} can't be used: {words}")
            log.warning("primitive %s", faults[-1])
    return found, tuple(faults)


def _load(point: EntryPoint) -> Kind[Any]:
    kind = point.load()
    if not isinstance(kind, Kind):
        raise ConfigError(f"{point.value} is not a Kind")
    write_descriptions("metrics", kind.metrics)  # a client is told of them
    return kind


def list_kinds() -> dict[str, str]:
    """The names of all kinds, each with what it is. Of those that packages bring that is not known, for nothing of
    them is imported, and neither is whether they can be used."""
    return {name: kind.summary for name, kind in _OWN.items()} | {
        point.name: "" for point in entry_points(group=PLUGINS) if point.name not in _OWN
    }


def kind_named(name: Any) -> Kind[Any]:
    """Raises ConfigError when there is none of that name, which says what packages could not be used."""
    if isinstance(name, str) and name in _OWN:
        return _OWN[name]
    known, faults = _all_kinds()
    if not isinstance(name, str) or name not in known:
        raise ConfigError("; ".join((f"{shorten(name)!r} is not one of {', '.join(known)}", *faults)))
    return known[name]


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
