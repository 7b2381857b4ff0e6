"""What training needs of memory, known before any is asked for: a system that has too little kills the process."""

from __future__ import annotations

from engine.machine import free_memory
from engine.primitives.config import TrainConfig

# The kernels are warmed up on a trainer of their own, of the same size.
_TRAINERS = 2


class MemoryShortage(ValueError):
    """There is too little memory; the message says for what, how much, and what would help."""


def needed_bytes(config: TrainConfig, device: str) -> int:
    """About what a Trainer of ``config`` takes at most, without its data."""
    return _TRAINERS * config.needed_bytes(device)


def require_for_training(config: TrainConfig, smaller: TrainConfig, device: str) -> None:
    """Raises MemoryShortage when a Trainer of ``config`` would not fit; ``smaller``: the cpu preset of its kind."""
    needed, free = needed_bytes(config, device), free_memory(device)
    if free is None or needed <= free:
        return
    words = f"these settings need {_gigabytes(needed)} of memory, and {_gigabytes(free)} are free"
    enough = needed_bytes(smaller, device)
    if enough < min(needed, free):
        raise MemoryShortage(f"{words}: use the cpu preset, which needs {_gigabytes(enough)}, without other settings")
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
