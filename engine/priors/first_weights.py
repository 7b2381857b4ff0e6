"""What a new run begins with that was learnt beforehand; what becomes of it, the primitive's kind says."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Self

from engine.primitives.base import Primitive
from engine.primitives.prior_use import PriorUse
from engine.priors.shipped import find_prior, is_shipped
from engine.priors.weights import EncoderWeights, Prior, load_prior


@dataclasses.dataclass(frozen=True, eq=False)
class FirstWeights:
    """``settings``: those of a run that is to begin so. ``read``: called when the weights are first needed.
    ``shows_untrained``: whether there is anything to see before the first step."""

    use: PriorUse
    settings: Mapping[str, Any]
    read: Callable[[], Prior | EncoderWeights]
    shows_untrained: bool = False

    @classmethod
    def of_prior(cls, use: PriorUse, read: Callable[[], Prior]) -> Self:
        """Those of a prior. Raises PriorError where ``use`` needs it at once and it can't be read."""
        return cls(use, use.settings(read), read, use.owns_weights)

    @classmethod
    def of_encoder(cls, use: PriorUse, weights: EncoderWeights) -> Self:
        """Those of an image encoder alone. Raises PriorError."""
        return cls(use, weights.settings, lambda: weights)

    def begin(self, primitive: Primitive) -> None:
        """Have ``primitive``, as new and with ``settings``, begin so. Raises PriorError, and then it is as it was."""
        self.use.begin(primitive, self.read)


def shipped_for(use: PriorUse | None, overrides: Mapping[str, Any]) -> FirstWeights | None:
    """What a new run with the settings ``overrides`` begins with unless it is told otherwise: the prior that Hashlight
    brings along, where its kind has a ``use`` for it, and ``overrides`` ask for it or at least don't say how large what
    learns is to be. Raises PriorError."""
    if use is None:
        return None
    read = functools.cache(lambda: load_prior(find_prior(None)))
    if use.asked_by is not None:
        return FirstWeights(use, {}, read) if overrides.get(use.asked_by) else None
    if not is_shipped():
        return None
    first = FirstWeights.of_prior(use, read)
    return None if first.settings.keys() & overrides.keys() else first
