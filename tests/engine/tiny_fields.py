"""A field of each kind that is so small that a step takes milliseconds."""

from __future__ import annotations

from typing import Any

_SAMPLING = {
    "samples_per_step": 1024,
    "max_rays_per_step": 1024,
    "march_steps": 64,
    "occupancy_resolution": 32,
    "error_share": 0.0,  # where errors lie is found anew after a load
}
# Settings that replace those of the CPU preset.
TINY: dict[str, dict[str, Any]] = {
    "hash-grid": _SAMPLING | {"field.log2_table_size": 12, "field.levels": 4, "field.max_resolution": 64},
    "nerf-hierarchical": {
        "max_rays_per_step": 64,
        "error_share": 0.0,
        "learning_rate": 5e-3,
        "warm_up_steps": 0,
        "field.position_octaves": 4,
        "field.layers": 3,
        "field.width": 32,
        "field.coarse_samples": 16,
        "field.fine_samples": 16,
        "field.initial_density": 16.0,  # the sphere fills the pictures: in a fog as thick it is found in fewer steps
    },
    "nerf": _SAMPLING | {"learning_rate": 5e-3, "field.position_octaves": 4, "field.layers": 3, "field.width": 32},
    "pixelnerf": _SAMPLING
    | {
        "learning_rate": 5e-3,
        "field.encoder_width": 8,
        "field.encoder_most_width": 16,
        "field.picture_side": 16,
        "field.features": 8,
        "field.position_octaves": 2,
        "field.width": 32,
        "field.view_blocks": 1,
        "field.most_views": 2,
    },
}
