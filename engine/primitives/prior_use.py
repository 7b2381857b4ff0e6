"""What a kind of primitive does with a prior: what was learnt beforehand, from other scenes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

ReadPrior = Callable[[], Any]


@dataclasses.dataclass(frozen=True)
class PriorUse:
    """Both functions get one that reads the prior. ``settings``: those of a new run that is to use it. ``begin``: has a
    primitive of the kind, as new and with these settings, use it; to be called before anything is added. Both raise
    what reading raises.

    ``asked_by``: the setting that asks for the prior that Hashlight brings along. None: a new run has it anyway, and
    has its weights for its own: it shows something untrained, and may begin with those of an encoder alone."""

    settings: Callable[[ReadPrior], Mapping[str, Any]]
    begin: Callable[[Any, ReadPrior], None]
    asked_by: str | None = None

    @property
    def owns_weights(self) -> bool:
        """Whether what learns has the prior's weights for its own."""
        return self.asked_by is None
