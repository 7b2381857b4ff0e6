"""A prior in a file: a field's weights in half precision, with the sizes that they are of and a checksum; and weights
of an image encoder alone."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from engine.fields.base import FieldError
from engine.fields.pixel_nerf import PixelNerfConfig, PixelNerfField
from engine.link.json_files import JsonError, parse_object
from engine.link.values import shorten
from engine.networks.image_encoder import BLOCKS, WeightsError
from engine.priors.tensor_files import PriorError, read_tensors, write_tensors

FORMAT = "hashlight-prior-1"
# What a field may have otherwise than its prior: none is a matter of its weights.
_FREE = frozenset({"picture_side", "most_views", "stretch"})
_BLOCK = re.compile(r"layer([1-4])\.([0-9]+)\.")


@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """``weights``: by the names of the network's parameters, f16 on the processor. ``facts``: how they came about,
    JSON-ready. ``checksum``: of the weights, SHA-256."""

    path: Path
    config: PixelNerfConfig
    weights: Mapping[str, torch.Tensor]
    facts: Mapping[str, Any]
    checksum: str

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a run whose field is to begin with these weights."""
        sizes = dataclasses.asdict(self.config)
        return {f"field.{name}": value for name, value in sizes.items() if name not in _FREE}

    @property
    def parameters(self) -> int:
        """How many numbers the weights are."""
        return sum(tensor.numel() for tensor in self.weights.values())

    def load_into(self, field: PixelNerfField) -> None:
        """Have ``field`` know what this prior does. Raises PriorError, and then it is as it was."""
        own = dict(field.module.named_parameters())
        if differing := sorted(own.keys() ^ self.weights.keys()):
            raise PriorError(f"{self.path}: of another architecture: {differing[0]} is on one side only")
        for name, parameter in own.items():
            if parameter.shape != self.weights[name].shape:
                raise PriorError(
                    f"{self.path}: of another architecture: {name} is {list(self.weights[name].shape)} there, and "
                    f"{list(parameter.shape)} in the field"
                )
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(self.weights[name])


def save_prior(path: Path, field: PixelNerfField, config: PixelNerfConfig, facts: Mapping[str, Any]) -> None:
    """Write what ``field``, of the size ``config``, has learnt; ``facts``, JSON-ready, say how. Raises PriorError for
    weights that half precision can't hold, OSError."""
    weights = {name: tensor.half() for name, tensor in field.module.named_parameters()}
    words = {"config": json.dumps(dataclasses.asdict(config)), "facts": json.dumps(dict(facts))}
    write_tensors(path, FORMAT, weights, words)


def load_prior(path: Path) -> Prior:
    """Read what ``save_prior`` wrote. Raises PriorError."""
    weights, words = read_tensors(path, FORMAT)
    try:
        config = PixelNerfConfig(**parse_object(words.get("config", "")))
        config.check()
        facts = parse_object(words.get("facts", ""))
    except (JsonError, FieldError, TypeError) as error:
        raise PriorError(f"{path}: its configuration can't be read: {shorten(str(error), 200)}") from None
    return Prior(path, config, weights, facts, words["sha256"])


@dataclasses.dataclass(frozen=True, eq=False)
class EncoderWeights:
    """Those of an image encoder, by torchvision's names, as they are published for ImageNet."""

    path: Path
    weights: Mapping[str, torch.Tensor]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a run whose encoder is to begin with these weights. Raises PriorError."""
        blocks = [0] * 4
        for name in self.weights:
            if found := _BLOCK.match(name):
                stage, block = int(found[1]) - 1, int(found[2])
                blocks[stage] = max(blocks[stage], block + 1)
        layers = next((layers for layers, counts in BLOCKS.items() if list(counts) == blocks), None)
        first, last = self.weights.get("conv1.weight"), self.weights.get("layer4.0.conv2.weight")
        if layers is None or first is None or last is None:
            known = ", ".join(f"ResNet-{layers}" for layers in BLOCKS)
            raise PriorError(f"{self.path}: not the weights of an encoder that is known here: {known}")
        settings = {"encoder_layers": layers, "encoder_width": len(first), "encoder_most_width": len(last)}
        if "bn1.running_mean" in self.weights:
            settings["encoder_groups"] = 0
        return {f"field.{name}": value for name, value in settings.items()}

    def load_into(self, field: PixelNerfField) -> None:
        """Have the encoder of ``field`` begin with these. Raises PriorError, and then it is as it was."""
        try:
            field.module.encoder.load_weights(self.weights)
        except WeightsError as error:
            raise PriorError(f"{self.path}: {error}") from None


def load_encoder_weights(path: Path) -> EncoderWeights:
    """Read a safetensors file. Raises PriorError."""
    try:
        return EncoderWeights(path, load_file(path))
    except (OSError, SafetensorError) as error:
        raise PriorError(f"{path}: can't be read as a safetensors file: {error}") from None
