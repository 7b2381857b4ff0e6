"""A prior so small that a step of its training takes a fraction of a second."""

from __future__ import annotations

from typing import Any

from engine.priors.config import PRIOR, PriorConfig

TINY: dict[str, Any] = {
    "views": 5,
    "side": 16,
    "samples_per_pixel": 1,
    "pool": 3,
    "steps_per_scene": 2,
    "scenes_per_step": 2,
    "rays_per_scene": 32,
    "strata": 8,
    "fine_samples": 8,
    "warm_up_steps": 0,
    "field.encoder_width": 8,
    "field.encoder_most_width": 16,
    "field.picture_side": 16,
    "field.features": 8,
    "field.position_octaves": 2,
    "field.width": 16,
    "field.view_blocks": 1,
    "field.most_views": 2,
}


def tiny_prior(**settings: Any) -> PriorConfig:
    """TINY, with other settings."""
    return PRIOR.configure("cpu", "cpu", TINY | settings)
