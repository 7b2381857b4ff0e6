"""How a prior is trained: one frozen dataclass, and its presets."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from engine.fields.pixel_nerf import PixelNerfConfig
from engine.link.values import Limits
from engine.primitives.config import ConfigError, Count, TrainConfig, Weight
from engine.primitives.field_settings import check_field
from engine.primitives.presets import Presets
from engine.primitives.radiance_field.config import Length, Share
from engine.primitives.radiance_field.pixel_nerf import PIXEL_NERF

_Samples = Annotated[int, Limits(1, 1 << 10)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PriorConfig(TrainConfig):
    """The settings of training over many scenes; lengths are in units of a scene's cube."""

    field: PixelNerfConfig
    # Each scene is rendered as so many square views of ``side`` pixels, with so many samples a pixel.
    views: Annotated[int, Limits(2, 64)] = 8
    side: Annotated[int, Limits(8, 1024)] = 128
    samples_per_pixel: _Samples = 8
    # Scenes that are at hand at most; every so many steps there is a new one, and the oldest goes.
    pool: Annotated[int, Limits(1, 1 << 14)] = 64
    steps_per_scene: Count = 1
    # A step's: scenes, and of each rays, seen from 1 to ``field.most_views`` views; samples of a ray, in equal strata
    # and where the former show that something is.
    scenes_per_step: Annotated[int, Limits(1, 256)] = 8
    rays_per_scene: Annotated[int, Limits(1, 1 << 16)] = 1024
    strata: _Samples = 32
    fine_samples: _Samples = 32
    # How often the views' depth is not told.
    share_without_depth: Share = 0.5
    # Where a surface is known half of the scenes' rays begin so far before it and end so far behind it.
    depth_margin: Length = 0.08
    depth_weight: Weight = 0.05
    depth_tolerance: Length = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        check_field(self.field)
        if self.field.most_views >= self.views:
            raise ConfigError(
                f"field.most_views: {self.field.most_views}, but a scene has {self.views} views: there must be others"
            )

    def scenes_by(self, step: int) -> int:
        """How many scenes there have been when a training step is done."""
        return self.scenes_per_step + step // self.steps_per_scene


def _field_of(preset: str) -> PixelNerfConfig:
    """What runs of this preset have."""
    config = PIXEL_NERF.presets[preset]
    assert isinstance(config.field, PixelNerfConfig)
    return config.field


PRIOR = Presets(
    {
        "cpu": PriorConfig(
            preset="cpu",
            field=_field_of("cpu"),
            side=48,
            samples_per_pixel=4,
            pool=32,
            steps_per_scene=4,
            scenes_per_step=4,
            rays_per_scene=96,
            strata=20,
            fine_samples=20,
            learning_rate=2e-3,
            final_rate_fraction=0.1,
            warm_up_steps=50,
            weight_decay=0.0,
        ),
        "gpu": PriorConfig(
            preset="gpu",
            field=_field_of("gpu"),
            steps_per_scene=2,
            scenes_per_step=16,
            rays_per_scene=512,
            learning_rate=1e-3,
            final_rate_fraction=0.05,
            warm_up_steps=500,
            weight_decay=0.0,
        ),
    }
)
