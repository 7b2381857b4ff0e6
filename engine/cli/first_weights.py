"""Options of ``hashlight train`` for weights that a field begins with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.link.presets import DEFAULT_FIELD, PRIOR_FIELD

if TYPE_CHECKING:
    from engine.primitives.prior_use import PriorUse
    from engine.priors.first_weights import FirstWeights
    from engine.priors.weights import Prior


# In the place of a prior's file: none, and the one that Hashlight brings along.
NO_PRIOR, SHIPPED_PRIOR = "none", "shipped"


class FirstWeightsError(ValueError):
    """Weights that the field at hand can't begin with; the message names the option and says why."""


def add_first_weights(parser: argparse.ArgumentParser) -> None:
    """``--prior`` and ``--encoder-weights``."""
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--prior",
        metavar="FILE",
        help="what is known before there are many views (see `hashlight prior`): a hash-grid field is guided by it, a "
        f"pixelnerf field begins with it and has its sizes. {SHIPPED_PRIOR!r}: the one that Hashlight brings along, as "
        f"pixelnerf fields have it anyway; {NO_PRIOR!r}: these begin afresh, with the preset's sizes",
    )
    weights.add_argument(
        "--encoder-weights",
        type=Path,
        metavar="FILE",
        help="of a pixelnerf field's image encoder: a ResNet's by torchvision's names, in a safetensors file",
    )


def read_first_weights(
    options: argparse.Namespace, use: PriorUse | None, settings: Mapping[str, Any]
) -> FirstWeights | None:
    """What the options name, or else the prior that Hashlight brings along where a new run with ``settings`` has it
    anyway; None for nothing. ``use``: what that which is to learn does with a prior. Raises FirstWeightsError,
    PriorError."""
    option = "--prior" if options.prior is not None else "--encoder-weights"
    is_named = options.prior is not None or options.encoder_weights is not None
    if is_named and options.resume:
        raise FirstWeightsError(f"{option}: {options.out} has weights of its own, which it goes on with: leave it out")
    from engine.priors.first_weights import FirstWeights, shipped_for
    from engine.priors.weights import load_encoder_weights

    if use is None or (options.encoder_weights is not None and not use.owns_weights):
        if is_named:
            guided = f", or to guide a {DEFAULT_FIELD} field" if options.prior is not None else ""
            raise FirstWeightsError(f"{option}: only for a {PRIOR_FIELD} field{guided}: add --field {PRIOR_FIELD}")
        return None
    if options.encoder_weights is not None:
        return FirstWeights.of_encoder(use, load_encoder_weights(options.encoder_weights))
    if options.resume or options.prior == NO_PRIOR:
        return None
    if options.prior is not None:
        prior = _read_prior(options.prior)
        return FirstWeights.of_prior(use, lambda: prior)
    first = shipped_for(use, settings)
    if first is not None:
        print(f"It begins with the prior that Hashlight brings along; --prior {NO_PRIOR}: without", file=sys.stderr)
    return first


def _read_prior(name: str) -> Prior:
    from engine.priors.shipped import find_prior
    from engine.priors.weights import load_prior

    return load_prior(find_prior(None if name == SHIPPED_PRIOR else Path(name)))
