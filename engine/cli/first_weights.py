"""Options of ``hashlight train`` for weights that a field begins with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.primitives.base import Primitive
    from engine.priors.weights import FirstWeights


# In the place of a prior's file.
NO_PRIOR = "none"


class FirstWeightsError(ValueError):
    """Weights that the field at hand can't begin with; the message names the option and says why."""


def add_first_weights(parser: argparse.ArgumentParser) -> None:
    """``--prior`` and ``--encoder-weights``."""
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--prior",
        metavar="FILE",
        help="what a pixelnerf field knows from the start (see `hashlight prior`), in the place of the prior that "
        f"Hashlight brings along; its sizes are the file's. {NO_PRIOR!r}: it begins afresh, with the preset's sizes",
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
    from engine.fields.pixel_nerf import PixelNerfConfig
    from engine.priors.shipped import find_prior, is_shipped
    from engine.priors.weights import load_encoder_weights, load_prior

    if variant != PixelNerfConfig.kind:
        if is_named:
            raise FirstWeightsError(
                f"{option}: only for a {PixelNerfConfig.kind} field: add --field {PixelNerfConfig.kind}"
            )
        return None
    if options.encoder_weights is not None:
        return load_encoder_weights(options.encoder_weights)
    if options.resume or options.prior == NO_PRIOR:
        return None
    if options.prior is not None:
        return load_prior(Path(options.prior))
    if not is_shipped():
        return None
    print(f"It begins with the prior that Hashlight brings along; --prior {NO_PRIOR}: without", file=sys.stderr)
    return load_prior(find_prior(None))


def begin_with(weights: FirstWeights, primitive: Primitive) -> None:
    """Have the field of ``primitive`` begin with ``weights``, whose settings it was made by. Raises PriorError."""
    from engine.primitives.radiance_field.conditioned_primitive import ConditionedPrimitive

    assert isinstance(primitive, ConditionedPrimitive)
    weights.load_into(primitive.field)


def shows_untrained(weights: FirstWeights | None) -> bool:
    """Whether a field that begins with ``weights`` shows anything before it is trained."""
    from engine.priors.weights import Prior

    return isinstance(weights, Prior)
