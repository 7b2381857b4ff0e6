"""How to train a radiance field that a prior may guide while there are few views."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated

from engine.link.values import Limits
from engine.primitives.config import MOST, Count
from engine.primitives.radiance_field.config import Share
from engine.primitives.radiance_field.occupancy_config import OccupancyConfig

# However long training goes on, what no view shows is known from the prior alone: with one view this part of its say
# stays, with more of them less.
_LASTING_SHARE = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class GuidedConfig(OccupancyConfig):
    """OccupancyConfig, and what a prior has to say; without one none of it matters. Runs that are older than this have
    none of these settings: each has a default."""

    # With so many training views and more a prior has no say; 0: never. FEW_VIEWS where one is asked for.
    guided_views: Annotated[int, Limits(0, MOST)] = 0
    # Part of the steps that learn from its pictures, with one view, at first; half of that is left after so many steps.
    guide_share: Share = 0.5
    guide_half_life: Count = 400
    # Its pictures: how many there are at a time, of so many pixels a side, and every how manieth step one is made anew.
    guide_pictures: Annotated[int, Limits(1, 4096)] = 16
    guide_side: Annotated[int, Limits(4, 4096)] = 40
    guide_every: Count = 24

    def guide_share_at(self, step: int, views: int) -> float:
        """Part of the steps that learn from the prior's pictures at a training step, with so many training views."""
        if views >= self.guided_views:
            return 0.0
        few = 1.0 - (views - 1) / (self.guided_views - 1)
        return self.guide_share * few * max(math.pow(0.5, step / self.guide_half_life), _LASTING_SHARE * few)
