"""The hash grid (Instant-NGP) as a kind of radiance field: its presets."""

from __future__ import annotations

from engine.fields.hash_grid import HashGridConfig
from engine.link.presets import FEW_VIEWS
from engine.primitives.prior_use import PriorUse
from engine.primitives.radiance_field.field_kind import FieldKind
from engine.primitives.radiance_field.guided_config import GuidedConfig
from engine.primitives.radiance_field.guided_primitive import GuidedPrimitive
from engine.primitives.radiance_field.sampling_settings import OCCUPANCY, SEVERAL_CASCADES

_PRESETS = {
    "cpu": GuidedConfig(
        preset="cpu",
        field=HashGridConfig(
            levels=8, log2_table_size=17, base_resolution=16, max_resolution=1024, hidden_width=64, color_layers=2
        ),
        samples_per_step=24_576,
        max_rays_per_step=16_384,
        learning_rate=1.5e-2,
        cells_per_pixel=1.5,
        render_refinement=2,
        **OCCUPANCY["cpu"],
    ),
    "gpu": GuidedConfig(
        preset="gpu",
        field=HashGridConfig(
            levels=8, log2_table_size=19, base_resolution=16, max_resolution=2048, hidden_width=64, color_layers=2
        ),
        samples_per_step=1 << 19,
        max_rays_per_step=1 << 17,
        coarse_until=6000,
        guide_half_life=4000,
        guide_pictures=64,
        guide_side=80,
        guide_every=16,
        cells_per_pixel=1.5,
        **OCCUPANCY["gpu"],
    ),
}

_SEVERAL_CASCADES = {
    "cpu": {
        **SEVERAL_CASCADES["cpu"],
        "render_refinement": 1,
        "gradient_threshold": 0.0,
        "field.log2_table_size": 16,
        "field.hidden_width": 32,
        "field.color_layers": 1,
        "field.max_resolution": 512,
        "cells_per_pixel": 2.0,
    },
    # Few views see the same corner of a room: a finer field fits their grain.
    "gpu": {**SEVERAL_CASCADES["gpu"], "field.log2_table_size": 20, "cells_per_pixel": 1.0},
}

# Its sizes are its own: what is asked for is until when the prior has a say.
_GUIDED = PriorUse(lambda _: {"guided_views": FEW_VIEWS}, GuidedPrimitive.be_guided_by, asked_by="guided_views")

HASH_GRID = FieldKind(_PRESETS, HashGridConfig.kind, GuidedPrimitive, _SEVERAL_CASCADES, _GUIDED)
