"""How to train a radiance field whose rays are sampled hierarchically."""

from __future__ import annotations

import dataclasses

from engine.fields.coarse_and_fine import CoarseAndFineConfig
from engine.primitives.radiance_field.config import RAY_BYTES, RadianceFieldConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class HierarchicalConfig(RadianceFieldConfig):
    """RadianceFieldConfig of a coarse and a fine field. A step has ``max_rays_per_step`` rays."""

    field: CoarseAndFineConfig

    def needed_bytes(self, device: str) -> int:
        """As RadianceFieldConfig.needed_bytes."""
        samples = self.max_rays_per_step * self.field.ray_evaluations
        return self.fit(self.field).needed_bytes(samples, device) + self.max_rays_per_step * RAY_BYTES
