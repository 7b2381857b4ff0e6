"""What a run learns: a part of ``OpenRun`` and ``RunOpened`` for each kind of primitive."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from engine.link.geometry import Bounds
from engine.link.message_types import ColorSpace, Name, Tagged
from engine.link.presets import DEFAULT_FIELD


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RadianceFieldSpec(Tagged):
    """A radiance field inside ``bounds``, learnt from pictures in ``color_space``; ``field`` is one of
    ``presets.FIELDS``."""

    kind: ClassVar[str] = "radiance-field"

    bounds: Bounds
    color_space: ColorSpace = "linear"
    field: Name = DEFAULT_FIELD


PrimitiveSpec = RadianceFieldSpec  # the union of all kinds: a further one is a member more
