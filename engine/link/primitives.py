"""What a run learns: a part of ``OpenRun`` and ``RunOpened`` for each kind of primitive."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from engine.link.geometry import Bounds
from engine.link.message_types import ColorSpace, Name, Tagged
from engine.link.presets import DEFAULT_FIELD


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RadianceFieldSpec(Tagged):
    """A radiance field inside ``bounds``, learnt from pictures in ``color_space``; ``field`` is one of
    ``presets.FIELDS``."""

    kind: ClassVar[str] = "radiance-field"
    takes_views: ClassVar[bool] = True  # what it learns from are views

    bounds: Bounds
    color_space: ColorSpace = "linear"
    field: Name = DEFAULT_FIELD

    @property
    def learner(self) -> str:
        """The name of what learns."""
        return self.field

    @property
    def box(self) -> Bounds | None:
        """The box in the world that it is asked for; None where the kind finds its own."""
        return self.bounds


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PluginSpec(Tagged):
    """One that the link has no type for, as those that packages beside the engine bring: ``name`` is what the engine
    calls its kind, and ``settings``, whose names and types that knows, say what it learns."""

    kind: ClassVar[str] = "plugin"
    takes_views: ClassVar[bool] = False  # as far as is known before the engine says more in RunOpened

    name: Name
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def learner(self) -> str:
        """The name of what learns."""
        return self.name

    @property
    def box(self) -> Bounds | None:
        """See RadianceFieldSpec: settings may hold any."""
        return None


PrimitiveSpec = RadianceFieldSpec | PluginSpec  # the union of all kinds: a further one is a member more
