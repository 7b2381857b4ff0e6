"""What a field begins with by a prior: one that reads scenes has its weights, one of another kind is guided by it while
there are few views."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from engine.fields.pixel_nerf import PixelNerfConfig
from engine.link.presets import FEW_VIEWS
from engine.primitives.base import Primitive
from engine.primitives.radiance_field.guided_primitive import GuidedPrimitive
from engine.priors.shipped import find_prior, is_shipped
from engine.priors.tensor_files import PriorError
from engine.priors.weights import Prior, load_prior


@dataclasses.dataclass(frozen=True, eq=False)
class Guidance:
    """FirstWeights of a field that learns from a ``prior`` without being one."""

    prior: Prior

    @property
    def settings(self) -> dict[str, Any]:
        """Until when it has a say; the field's sizes are its own."""
        return {"guided_views": FEW_VIEWS}

    def begin(self, primitive: Primitive) -> None:
        """See FirstWeights."""
        if not isinstance(primitive, GuidedPrimitive):
            raise PriorError("a prior guides a radiance field on a hash grid alone")
        primitive.be_guided_by(lambda: self.prior)


def settings_by_shipped(variant: str | None, overrides: Collection[str]) -> dict[str, Any]:
    """The settings of a new run whose field, a ``variant`` of radiance fields, is to begin with the prior that is
    brought along; none where it begins otherwise, as where ``overrides`` say how large it is to be. Raises
    PriorError."""
    if variant != PixelNerfConfig.kind or not is_shipped():
        return {}
    settings = load_prior(find_prior(None)).settings
    return {} if settings.keys() & set(overrides) else settings


def begin_by_shipped(primitive: Primitive, settings: Mapping[str, Any]) -> None:
    """Have ``primitive``, as new, begin with the prior that Hashlight brings along if its ``settings_by_shipped`` are
    any, or be guided by it if it is a field that asks for that; then it is read when it is first needed. Raises
    PriorError."""
    if settings:
        load_prior(find_prior(None)).begin(primitive)
    elif isinstance(primitive, GuidedPrimitive) and primitive.config.guided_views:
        primitive.be_guided_by(lambda: load_prior(find_prior(None)))
