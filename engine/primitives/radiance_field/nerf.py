"""The original NeRF as a kind of radiance field: its presets.

Sampled through the occupancy grid, as NerfAcc does, which is what makes it practical. The field on a GPU is the
paper's; with fewer samples a step the host would take longer than the card. Four times the paper's rate, once it has
risen to that, has 29.7 dB after 30 s of lego400 on an H200 where twice that rate has 27.1. A processor has time for few
steps: fewer layers and a higher rate were the best of what was tried there, each once, for 45 s on two cores.
"""

from __future__ import annotations

from engine.fields.nerf import NerfConfig
from engine.primitives.radiance_field.field_kind import FieldKind
from engine.primitives.radiance_field.occupancy_config import OccupancyConfig
from engine.primitives.radiance_field.occupancy_primitive import OccupancyPrimitive
from engine.primitives.radiance_field.sampling_settings import OCCUPANCY, SEVERAL_CASCADES

_PRESETS = {
    # A sixth of the network, and few samples: a view that moves waits for a step.
    "cpu": OccupancyConfig(
        preset="cpu",
        field=NerfConfig(layers=4, width=128),
        samples_per_step=4096,
        max_rays_per_step=4096,
        learning_rate=4e-3,
        final_rate_fraction=0.1,
        weight_decay=0.0,
        **OCCUPANCY["cpu"],
    ),
    "gpu": OccupancyConfig(
        preset="gpu",
        field=NerfConfig(),
        samples_per_step=1 << 20,
        max_rays_per_step=1 << 17,
        coarse_until=60_000,
        learning_rate=2e-3,
        warm_up_steps=500,
        final_rate_fraction=0.1,
        weight_decay=0.0,
        **OCCUPANCY["gpu"],
    ),
}

NERF = FieldKind(_PRESETS, NerfConfig.kind, OccupancyPrimitive, SEVERAL_CASCADES)
