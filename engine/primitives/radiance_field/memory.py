"""What training needs of memory, known before any is asked for: a system that has too little kills the process."""

from __future__ import annotations

from engine.device import PROFILES
from engine.machine import free_memory
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.registry import kind_named
from taichi_kernels.segment_marching import SEGMENT_STEPS

# Flags, densities, counts, observed densities, the list of candidates, and what is made while they are set anew.
_CELL_BYTES = 4 + 4 + 12 + 4 + 4 + 20
_RAY_BYTES = 80
# The kernels are warmed up on a trainer of their own, of the same size.
_TRAINERS = 2


class MemoryShortage(ValueError):
    """There is too little memory; the message says for what, how much, and what would help."""


def needed_bytes(config: RadianceFieldConfig, device: str) -> int:
    """About what a Trainer of ``config`` takes at most, without the views' pixels."""
    ray_bytes = _RAY_BYTES
    if PROFILES[device].segments_rays:
        ray_bytes += 4 * -(-config.longest_ray // SEGMENT_STEPS)
    cells = config.cascades * config.occupancy_resolution**3
    parts = (
        config.scaled_field.needed_bytes(config.samples_per_step, device),
        config.max_rays_per_step * ray_bytes,
        cells * _CELL_BYTES,
    )
    return _TRAINERS * sum(parts)


def require_for_training(config: RadianceFieldConfig, device: str) -> None:
    """Raises MemoryShortage when a Trainer of ``config`` would not fit."""
    needed, free = needed_bytes(config, device), free_memory(device)
    if free is None or needed <= free:
        return
    words = f"these settings need {_gigabytes(needed)} of memory, and {_gigabytes(free)} are free"
    smaller = needed_bytes(kind_named(config.kind).presets["cpu"], device)
    if smaller < min(needed, free):
        raise MemoryShortage(f"{words}: use the cpu preset, which needs {_gigabytes(smaller)}, without other settings")
    raise MemoryShortage(f"{words}: close other programs")


def require_for_views(added: int, view: str, device: str) -> None:
    """Raises MemoryShortage when there are not ``added`` bytes for what is kept of ``view``."""
    free = free_memory(device)
    if free is not None and added > free:
        raise MemoryShortage(
            f"view {view}: the pixels of all views need {_gigabytes(added)} more memory, and {_gigabytes(free)} are "
            "free: use fewer or smaller views"
        )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
