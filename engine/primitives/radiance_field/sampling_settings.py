"""Settings of sampling through the occupancy grid, by preset: the same for every kind of field that is sampled so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OCCUPANCY: Mapping[str, Mapping[str, Any]] = {
    "cpu": {
        "max_samples_per_ray": 96,
        "march_steps": 256,
        "occupancy_resolution": 96,
        "occupancy_every": 16,
        "occupancy_decay": 0.4,
        "error_share": 0.5,
        "gradient_threshold": 2.0,
    },
    "gpu": {
        "max_samples_per_ray": 512,
        "march_steps": 1024,
        "occupancy_resolution": 128,
        "occupancy_every": 16,
        "occupancy_decay": 0.95,
    },
}

# With several cascades a ray crosses a whole room, not a carved subject.
SEVERAL_CASCADES: Mapping[str, Mapping[str, Any]] = {
    "cpu": {
        "cone_angle": 1 / 32,
        "near_distance": 0.1,
        "max_samples_per_ray": 512,
        "march_steps": 96,
        "occupancy_resolution": 64,
        "occupancy_decay": 0.8,
        "error_share": 0.0,
    },
    "gpu": {"cone_angle": 1 / 256, "near_distance": 0.1, "max_samples_per_ray": 1024, "occupancy_decay": 0.8},
}
