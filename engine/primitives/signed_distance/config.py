"""How a signed distance is trained: its settings, and the presets."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from engine.fields.coordinate_field import CoordinateFieldConfig
from engine.fields.frequency_field import FrequencyFieldConfig
from engine.link.values import Limits
from engine.primitives.config import ConfigError, TrainConfig
from engine.primitives.field_settings import check_field
from engine.primitives.presets import Presets

_MOST_POINTS = 1 << 26
_Points = Annotated[int, Limits(8, _MOST_POINTS)]
# Of a pooled point: where it lies and how far from the surface; of a sample, with what is drawn for it.
_POINT_BYTES, _SAMPLE_BYTES = 16, 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignedDistanceConfig(TrainConfig):
    """Settings beside those of all kinds."""

    field: CoordinateFieldConfig | FrequencyFieldConfig
    # Points a step learns from: half of them lie on the surface, the others are drawn from a pool of points whose
    # distance is known, of which a few are replaced in each step by fresh ones.
    samples_per_step: _Points
    fresh_points: _Points
    pool_points: _Points
    # The network's rate stays at this where the table's is higher: half of all points say that the distance is 0, and
    # a network that learns faster than the table learns nothing else.
    network_rate: Annotated[float, Limits(1e-9, 10.0)] = 1e-3
    # Relative errors below this count by their square: at the surface the paper's mean absolute one never comes to
    # rest, and its noise drowns what is to be learnt beside the surface. 0: the paper's.
    smooth_error: Annotated[float, Limits(0.0, 10.0)] = 0.1
    # Standard deviations of the points near the surface, by the longest edge of the bounds: they are spread evenly, by
    # their logarithm, between these two. The paper has the narrow one alone; with it the space between what is near
    # and what lies anywhere is learnt late.
    near_deviation: Annotated[float, Limits(1e-6, 1.0)] = 1 / 1024
    wide_deviation: Annotated[float, Limits(1e-6, 1.0)] = 1 / 32
    # Points that tell inside from outside for the score; an eighth as many on the surface.
    scored_points: _Points = 1 << 15

    def __post_init__(self) -> None:
        super().__post_init__()
        check_field(self.field)
        if self.near_deviation > self.wide_deviation:
            raise ConfigError(
                f"near_deviation: {self.near_deviation:g} exceeds wide_deviation: {self.wide_deviation:g}"
            )
        if self.fresh_points > self.pool_points:
            raise ConfigError(f"fresh_points: {self.fresh_points} exceed pool_points: {self.pool_points}")

    def needed_bytes(self, device: str) -> int:
        """As TrainConfig.needed_bytes."""
        points = self.pool_points * _POINT_BYTES + self.samples_per_step * _SAMPLE_BYTES
        return self.field.needed_bytes(3, self.samples_per_step, device) + points


_HASH_GRID = Presets(
    {
        "cpu": SignedDistanceConfig(
            preset="cpu",
            field=CoordinateFieldConfig(
                levels=8, log2_table_size=17, base_resolution=16, max_resolution=512, hidden_width=32
            ),
            samples_per_step=1 << 13,
            fresh_points=1 << 9,
            pool_points=1 << 17,
            learning_rate=1e-2,
            weight_decay=0.0,
        ),
        "gpu": SignedDistanceConfig(
            preset="gpu",
            field=CoordinateFieldConfig(levels=8, log2_table_size=19, base_resolution=16, max_resolution=2048),
            samples_per_step=1 << 18,
            fresh_points=1 << 15,
            pool_points=1 << 21,
            learning_rate=1e-2,
            weight_decay=0.0,
            scored_points=1 << 20,
        ),
    }
)
# A large network: a rate that suits a table would throw it about.
_FREQUENCY = Presets(
    {
        "cpu": dataclasses.replace(
            _HASH_GRID.presets["cpu"],
            field=FrequencyFieldConfig(octaves=8, hidden_width=128, hidden_layers=4),
            samples_per_step=1 << 13,
            learning_rate=1e-3,
            warm_up_steps=100,
        ),
        "gpu": dataclasses.replace(
            _HASH_GRID.presets["gpu"],
            field=FrequencyFieldConfig(octaves=10, hidden_width=256, hidden_layers=8),
            samples_per_step=1 << 17,
            learning_rate=1e-3,
            warm_up_steps=500,
        ),
    }
)
# By the specification's ``encoding``.
PRESETS = {"hash-grid": _HASH_GRID, "frequency": _FREQUENCY}
