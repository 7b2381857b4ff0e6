"""The original NeRF with its own sampling as a kind of radiance field: its presets.

Networks, samples and rays a step on a GPU are the paper's. Most rays meet nothing: at the full rate from the start,
also at the paper's, the first steps empty the whole field, and then no gradient is left. So the rate rises slowly, to
twice the paper's. A processor has time for few of them: networks and samples are a fraction of that, and the rate may
rise to four times the paper's (eight times, in half as many steps, empties the field there, too). It begins with a
fog of optical depth 1, a sixteenth of the other fields': through a thicker one most of what the first steps learn is
that rays should meet nothing, and small networks need hundreds of steps to find surfaces in what that leaves.
"""

from __future__ import annotations

from engine.fields.coarse_and_fine import CoarseAndFineConfig
from engine.primitives.radiance_field.field_kind import FieldKind
from engine.primitives.radiance_field.hierarchical_config import HierarchicalConfig
from engine.primitives.radiance_field.hierarchical_primitive import HierarchicalPrimitive

_PRESETS = {
    "cpu": HierarchicalConfig(
        preset="cpu",
        field=CoarseAndFineConfig(layers=4, width=64, coarse_samples=32, fine_samples=32, initial_density=1.0),
        max_rays_per_step=128,
        error_share=0.5,
        learning_rate=2e-3,
        warm_up_steps=400,
        final_rate_fraction=0.1,
        weight_decay=0.0,
    ),
    "gpu": HierarchicalConfig(
        preset="gpu",
        field=CoarseAndFineConfig(),
        max_rays_per_step=4096,
        learning_rate=1e-3,
        warm_up_steps=1500,
        final_rate_fraction=0.1,
        weight_decay=0.0,
    ),
}
# Nothing that is nearer than a tenth of the subject is in more than one camera's sight.
_SEVERAL_CASCADES = {preset: {"near_distance": 0.1} for preset in _PRESETS}

NERF_HIERARCHICAL = FieldKind(_PRESETS, CoarseAndFineConfig.kind, HierarchicalPrimitive, _SEVERAL_CASCADES)
