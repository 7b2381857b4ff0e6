"""What a run learns: a part of ``OpenRun`` and ``RunOpened`` for each kind of primitive."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from engine.link.geometry import Bounds
from engine.link.message_types import ColorSpace, Name, Tagged
from engine.link.presets import DEFAULT_FIELD
from engine.link.values import Limits


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class LearntSpec(Tagged):
    """Base of the members of ``PrimitiveSpec``: what can be asked of any of them."""

    takes_views: ClassVar[bool] = False  # whether views are learnt from, as far as is known before RunOpened says it

    @property
    def learner(self) -> str:
        """The name of what learns."""
        return self.kind

    @property
    def box(self) -> Bounds | None:
        """The box in the world that it is asked for; None where the kind finds its own."""
        return None

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Width and height, in pixels, of the image that is learnt; None where it is none."""
        return None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RadianceFieldSpec(LearntSpec):
    """A radiance field inside ``bounds``, learnt from pictures in ``color_space``; ``field`` is one of
    ``presets.FIELDS``."""

    kind: ClassVar[str] = "radiance-field"
    takes_views: ClassVar[bool] = True

    bounds: Bounds
    color_space: ColorSpace = "linear"
    field: Name = DEFAULT_FIELD

    @property
    def learner(self) -> str:
        """See LearntSpec."""
        return self.field

    @property
    def box(self) -> Bounds | None:
        """See LearntSpec."""
        return self.bounds


# A position in float32 tells apart an eighth of a pixel of such a side.
MOST_IMAGE_SIDE, MOST_IMAGE_PIXELS = 1 << 20, 1 << 32
# What the file is called that an image is scored by, where it is the one that is learnt.
SCORED_IMAGE = "all of it"
_Side = Annotated[int, Limits(1, MOST_IMAGE_SIDE)]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ImageSpec(LearntSpec):
    """An image of ``width`` x ``height`` pixels, in whose ``color_space`` it is learnt, premultiplied where it has
    ``alpha``. One that ``wraps`` goes on across its borders, as a tile does, and is shown repeated."""

    kind: ClassVar[str] = "image"

    width: _Side
    height: _Side
    color_space: ColorSpace = "srgb"
    alpha: bool = False
    wraps: bool = False

    @property
    def image_size(self) -> tuple[int, int]:
        """See LearntSpec."""
        return self.width, self.height


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SignedDistanceSpec(LearntSpec):
    """The signed distance to the surface of a mesh inside ``bounds``, by an ``encoding`` of positions."""

    kind: ClassVar[str] = "signed-distance"

    bounds: Bounds
    encoding: Literal["hash-grid", "frequency"] = "hash-grid"

    @property
    def box(self) -> Bounds | None:
        """See LearntSpec."""
        return self.bounds


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PluginSpec(LearntSpec):
    """One that the link has no type for, as those that packages beside the engine bring: ``name`` is what the engine
    calls its kind, and ``settings``, whose names and types that knows, say what it learns."""

    kind: ClassVar[str] = "plugin"

    name: Name
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def learner(self) -> str:
        """See LearntSpec."""
        return self.name


# The union of all kinds: a further one is a member more.
PrimitiveSpec = RadianceFieldSpec | ImageSpec | SignedDistanceSpec | PluginSpec
