"""The names under which fields and training settings are asked for; ``engine.primitives`` has what they stand for."""

from __future__ import annotations

AUTO = "auto"  # by the engine's device

# Each name with a description for those who choose.
PRESETS = {
    AUTO: "By the device that the engine computes on",
    "cpu": "A small field that a processor trains in a minute or two; on a graphics card it needs little memory",
    "gpu": "A large field with finer detail, for a graphics card; far too slow on a processor",
}

DEFAULT_PRIMITIVE = "radiance-field"

DEFAULT_FIELD = "hash-grid"
PRIOR_FIELD = "pixelnerf"  # whose weights a prior is
FIELDS = {
    DEFAULT_FIELD: "A hash grid of features and two small networks (Instant-NGP): sharp after a minute",
    "nerf": "One large network over a frequency encoding (the original NeRF): a small file, but many times slower to "
    "train and to render",
    "nerf-hierarchical": "The original NeRF with its own sampling: a coarse network tells where to sample a fine one. "
    "The slowest, for comparison",
    PRIOR_FIELD: "A network that reads the scene from pictures of it, of whichever views there are (PixelNeRF): learns "
    "from two views on how each looks from the others",
}

# What AUTO stands for, by the kind of device.
PRESETS_OF_DEVICES = {"cpu": "cpu", "cuda": "gpu"}

# Where a prior is asked to guide a field, it has a say with fewer training views than these.
FEW_VIEWS = 12
_GUIDED = frozenset({DEFAULT_FIELD})


def may_be_guided(field: str) -> bool:
    """Whether a prior can guide this one of ``FIELDS``."""
    return field in _GUIDED
