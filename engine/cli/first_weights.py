"""Options of ``hashlight train`` for weights that a field begins with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.priors.weights import FirstWeights, Prior


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


def read_first_weights(options: argparse.Namespace, variant: str | None) -> FirstWeights | None:
    """What the options name, or else the prior that Hashlight brings along for a field that begins with one; None for
    nothing. ``variant``: the field that is to learn. Raises FirstWeightsError, PriorError."""
    option = "--prior" if options.prior is not None else "--encoder-weights"
    is_named = options.prior is not None or options.encoder_weights is not None
    if is_named and options.resume:
        raise FirstWeightsError(f"{option}: {options.out} has weights of its own, which it goes on with: leave it out")
    from engine.fields.hash_grid import HashGridConfig
    from engine.fields.pixel_nerf import PixelNerfConfig
    from engine.priors.guidance import Guidance
    from engine.priors.shipped import is_shipped
    from engine.priors.weights import load_encoder_weights

    if variant == HashGridConfig.kind and options.encoder_weights is None:
        is_guided = options.prior not in (None, NO_PRIOR)
        return Guidance(_read_prior(options.prior)) if is_guided else None
    if variant != PixelNerfConfig.kind:
        if is_named:
            guided = f", or to guide a {HashGridConfig.kind} field" if options.prior is not None else ""
            raise FirstWeightsError(
                f"{option}: only for a {PixelNerfConfig.kind} field{guided}: add --field {PixelNerfConfig.kind}"
            )
        return None
    if options.encoder_weights is not None:
        return load_encoder_weights(options.encoder_weights)
    if options.resume or options.prior == NO_PRIOR:
        return None
    if options.prior is not None:
        return _read_prior(options.prior)
    if not is_shipped():
        return None
    print(f"It begins with the prior that Hashlight brings along; --prior {NO_PRIOR}: without", file=sys.stderr)
    return _read_prior(SHIPPED_PRIOR)


def shows_untrained(weights: FirstWeights | None) -> bool:
    """Whether a field that begins with ``weights`` shows anything before it is trained."""
    from engine.priors.weights import Prior

    return isinstance(weights, Prior)


def _read_prior(name: str) -> Prior:
    from engine.priors.shipped import find_prior
    from engine.priors.weights import load_prior

    return load_prior(find_prior(None if name == SHIPPED_PRIOR else Path(name)))
