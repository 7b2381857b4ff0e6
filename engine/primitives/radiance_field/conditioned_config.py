"""How to train a radiance field that is conditioned on views."""

from __future__ import annotations

import dataclasses

from engine.fields.pixel_nerf import PixelNerfConfig
from engine.primitives.config import ConfigError
from engine.primitives.radiance_field.occupancy_config import OccupancyConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConditionedConfig(OccupancyConfig):
    """OccupancyConfig, in whose steps all rays are of one view."""

    field: PixelNerfConfig

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.error_share:
            raise ConfigError(f"error_share: {self.error_share:g}, but the rays of a step are of one view: only 0 does")

    @property
    def scaled_field(self) -> PixelNerfConfig:
        """As RadianceFieldConfig.scaled_field."""
        return self.field.fit(1.0 / self.unit, self.finest_cells)
