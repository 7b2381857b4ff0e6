"""What a field begins with by a prior: one that reads scenes has its weights, one of another kind is guided by it while
there are few views."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
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


def shipped_for(variant: str | None, overrides: Collection[str]) -> Prior | None:
    """What a new run of this ``variant`` of radiance fields begins with: the prior that Hashlight brings along, if the
    field is one that reads scenes and ``overrides`` don't say how large it is to be. Raises PriorError."""
    if variant != PixelNerfConfig.kind or not is_shipped():
        return None
    prior = load_prior(find_prior(None))
    return None if prior.settings.keys() & set(overrides) else prior


def guide(primitive: Primitive) -> None:
    """Have ``primitive``, as new, be guided by the prior that Hashlight brings along, if its settings ask for that; it
    is read when it is first needed."""
    if isinstance(primitive, GuidedPrimitive) and primitive.config.guided_views:
        primitive.be_guided_by(lambda: load_prior(find_prior(None)))
