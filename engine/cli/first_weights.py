"""Options of ``hashlight train`` for weights that a field begins with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.primitives.base import Primitive
    from engine.priors.weights import FirstWeights


class FirstWeightsError(ValueError):
    """Weights that the field at hand can't begin with; the message names the option and says why."""


def add_first_weights(parser: argparse.ArgumentParser) -> None:
    """``--prior`` and ``--encoder-weights``."""
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--prior",
        type=Path,
        metavar="FILE",
        help="what a pixelnerf field knows from the start (see `hashlight prior`); its sizes are the file's",
    )
    weights.add_argument(
        "--encoder-weights",
        type=Path,
        metavar="FILE",
        help="of a pixelnerf field's image encoder: a ResNet's by torchvision's names, in a safetensors file",
    )


def read_first_weights(options: argparse.Namespace, variant: str | None) -> FirstWeights | None:
    """What the options name, None for nothing. ``variant``: the field that is to learn. Raises FirstWeightsError,
    PriorError."""
    option = "--prior" if options.prior is not None else "--encoder-weights"
    file: Path | None = options.prior if options.prior is not None else options.encoder_weights
    if file is None:
        return None
    if options.resume:
        raise FirstWeightsError(f"{option}: {options.out} has weights of its own, which it goes on with: leave it out")
    from engine.fields.pixel_nerf import PixelNerfConfig
    from engine.priors.weights import load_encoder_weights, load_prior

    if variant != PixelNerfConfig.kind:
        raise FirstWeightsError(
            f"{option}: only for a {PixelNerfConfig.kind} field: add --field {PixelNerfConfig.kind}"
        )
    return load_prior(file) if options.prior is not None else load_encoder_weights(file)


def begin_with(weights: FirstWeights, primitive: Primitive) -> None:
    """Have the field of ``primitive`` begin with ``weights``, whose settings it was made by. Raises PriorError."""
    from engine.primitives.radiance_field.conditioned_primitive import ConditionedPrimitive

    assert isinstance(primitive, ConditionedPrimitive)
    weights.load_into(primitive.field)
