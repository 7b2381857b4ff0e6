"""What training needs of memory, known before any is asked for: a system that has too little kills the process."""

from __future__ import annotations

from engine.machine import free_memory
from engine.primitives.config import TrainConfig


class MemoryShortage(ValueError):
    """There is too little memory; the message says for what, how much, and what would help."""


def require_for_training(config: TrainConfig, smaller: TrainConfig, device: str, data: int = 0) -> None:
    """Raises MemoryShortage when a Trainer of ``config`` would not fit with ``data``, the bytes of what it learns from;
    ``smaller``: the cpu preset of its kind."""
    needed, free = data + config.needed_bytes(device), free_memory(device)
    if free is None or needed <= free:
        return
    words = f"these settings need {_gigabytes(needed)} of memory, and {_gigabytes(free)} are free"
    enough = data + smaller.needed_bytes(device)
    if enough < min(needed, free):
        raise MemoryShortage(f"{words}: use the cpu preset, which needs {_gigabytes(enough)}, without other settings")
    raise MemoryShortage(f"{words}: close other programs")


def has_room(config: TrainConfig, device: str) -> bool:
    """Whether a Trainer of ``config`` fits beside what is there."""
    free = free_memory(device)
    return free is None or config.needed_bytes(device) <= free


def require_for_views(added: int, view: str, device: str) -> None:
    """Raises MemoryShortage when there are not ``added`` bytes for what is kept of ``view``."""
    _require(added, device, f"view {view}: the pixels of all views", "use fewer or smaller views")


def require_for_mesh(added: int, mesh: str, device: str) -> None:
    """Raises MemoryShortage when there are not ``added`` bytes for what is looked up in the triangles of ``mesh``."""
    _require(added, device, f"mesh {mesh}: its triangles", "simplify the mesh")


def _require(added: int, device: str, what: str, cure: str) -> None:
    """``what`` needs ``added`` bytes beside all that is there."""
    free = free_memory(device)
    if free is not None and added > free:
        words = f"{what} need {_gigabytes(added)} more memory, and {_gigabytes(free)} are free"
        raise MemoryShortage(f"{words}: {cure}")


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
