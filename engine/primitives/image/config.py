"""How to train on an image, by its size."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any

from engine.device import PROFILES
from engine.fields.coordinate_field import CoordinateFieldConfig
from engine.link.messages import ImageSpec
from engine.link.values import Limits
from engine.primitives.config import Count, TrainConfig, Weight
from engine.primitives.field_settings import check_field
from engine.primitives.presets import Presets

_SMALLEST_TABLE = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageConfig(TrainConfig):
    """The settings of training on an image. ``field.max_resolution`` counts cells along its longer side.

    ``exchange_every``: of an image that isn't at hand as a whole, one band of rows is replaced by another after so many
    steps.
    """

    weight_decay: Weight = 0.0  # nothing is to be smoothed: there is nothing between the pixels that are known
    field: CoordinateFieldConfig
    samples_per_step: Annotated[int, Limits(1, 1 << 22)]
    exchange_every: Count = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_field(self.field)

    def needed_bytes(self, device: str) -> int:
        """As TrainConfig.needed_bytes."""
        return self.field.needed_bytes(2, self.samples_per_step, device)


@dataclasses.dataclass(frozen=True)
class _BySize:
    """What of a field follows from an image's size: ``share`` of a level's entries to each pixel, their number rounded
    up to a power of two, that of ``largest_table`` at most, and ``cells`` of the finest level to a pixel of the longer
    side."""

    largest_table: int
    share: float
    cells: float


PRESETS: Presets[ImageConfig] = Presets(
    {
        "cpu": ImageConfig(
            preset="cpu",
            final_rate_fraction=0.02,
            field=CoordinateFieldConfig(levels=8, features=4, log2_table_size=17, hidden_width=32, hidden_layers=1),
            samples_per_step=1 << 14,
        ),
        "gpu": ImageConfig(
            preset="gpu",
            final_rate_fraction=0.01,
            field=CoordinateFieldConfig(levels=16, features=2, log2_table_size=22, hidden_width=64, hidden_layers=2),
            samples_per_step=1 << 18,
        ),
    }
)
_SIZES = {"cpu": _BySize(17, 0.125, 0.5), "gpu": _BySize(22, 0.25, 0.5)}


def pixel_bytes(spec: ImageSpec, device: str) -> int:
    """About how much memory the pixels take that training has at hand: those of an image in sRGB count as bytes."""
    whole = spec.width * spec.height * (4 if spec.alpha else 3) * (2 if spec.color_space == "linear" else 1)
    return min(whole, PROFILES[device].image_bytes)


def configure(width: int, height: int, preset: str, device: str, overrides: Mapping[str, Any]) -> ImageConfig:
    """As Presets.configure, with a field of the size that an image of so many pixels asks for."""
    chosen = PRESETS.configure(preset, device, {})
    rule = _SIZES[chosen.preset]
    entries = max(math.ceil(math.log2(rule.share * width * height)), _SMALLEST_TABLE)
    finest = max(round(rule.cells * max(width, height)), 2 * chosen.field.base_resolution)
    sizes = {"field.log2_table_size": min(entries, rule.largest_table), "field.max_resolution": finest}
    return chosen.override(sizes | dict(overrides))
