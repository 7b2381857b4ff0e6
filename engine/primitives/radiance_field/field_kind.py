"""What is known of a kind of radiance field."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace
from engine.primitives.presets import Presets
from engine.primitives.prior_use import PriorUse
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive


@dataclasses.dataclass(frozen=True)
class FieldKind(Presets[RadianceFieldConfig]):
    """``name``: as ``--field`` has it. ``primitive``: what is trained, made of configuration, bounds, colour space and
    device. ``several_cascades``: by preset, the settings of scenes that go on around their subject. ``prior_use``: see
    Kind."""

    name: str
    primitive: Callable[[Any, Bounds, ColorSpace, str], RadianceFieldPrimitive]
    several_cascades: Mapping[str, Mapping[str, Any]]
    prior_use: PriorUse | None = None

    def complete(self, preset: str, overrides: Mapping[str, Any]) -> Mapping[str, Any]:
        """With more than one of ``cascades`` among them, the preset is one for scenes that go on around their
        subject."""
        if overrides.get("cascades", 1) == 1:
            return overrides
        return {**self.several_cascades[preset], **overrides}
