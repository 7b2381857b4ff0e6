"""PixelNeRF as a kind of radiance field: its presets.

The sizes for a GPU are about the article's, of as many parameters as 12 MB hold in float16. A processor has time for a
small encoder of small pictures.
"""

from __future__ import annotations

from engine.fields.pixel_nerf import PixelNerfConfig
from engine.primitives.prior_use import PriorUse, ReadPrior
from engine.primitives.radiance_field.conditioned_config import ConditionedConfig
from engine.primitives.radiance_field.conditioned_primitive import ConditionedPrimitive
from engine.primitives.radiance_field.field_kind import FieldKind
from engine.primitives.radiance_field.sampling_settings import OCCUPANCY, SEVERAL_CASCADES

# The networks are dear to ask: cells and steps are larger than those of a hash grid. Finer ones show hardly more.
_MARCHING = {
    "cpu": {**OCCUPANCY["cpu"], "occupancy_resolution": 32, "march_steps": 160, "error_share": 0.0},
    "gpu": {**OCCUPANCY["gpu"], "occupancy_resolution": 64, "march_steps": 256},
}

_PRESETS = {
    "cpu": ConditionedConfig(
        preset="cpu",
        field=PixelNerfConfig(
            encoder_layers=10,
            encoder_width=16,
            encoder_most_width=64,
            encoder_groups=4,
            picture_side=96,
            features=32,
            width=64,
            view_blocks=2,
            point_blocks=1,
            most_views=3,
        ),
        samples_per_step=4096,
        max_rays_per_step=2048,
        learning_rate=2e-3,
        final_rate_fraction=0.1,
        weight_decay=0.0,
        **_MARCHING["cpu"],
    ),
    "gpu": ConditionedConfig(
        preset="gpu",
        field=PixelNerfConfig(),
        samples_per_step=1 << 17,
        max_rays_per_step=1 << 14,
        learning_rate=5e-4,
        warm_up_steps=500,
        final_rate_fraction=0.1,
        weight_decay=0.0,
        **_MARCHING["gpu"],
    ),
}


def _begin(primitive: ConditionedPrimitive, read_prior: ReadPrior) -> None:
    read_prior().load_into(primitive.field)


_WEIGHTS = PriorUse(lambda read_prior: read_prior().settings, _begin)

PIXEL_NERF = FieldKind(_PRESETS, PixelNerfConfig.kind, ConditionedPrimitive, SEVERAL_CASCADES, _WEIGHTS)
