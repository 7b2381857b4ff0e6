"""Exceptions as messages to the client."""

from __future__ import annotations

import torch

from engine.data.dataset import DatasetError
from engine.data.views import ViewError
from engine.link.messages import Problem
from engine.primitives.base import DataError
from engine.primitives.config import ConfigError
from engine.primitives.memory import MemoryShortage
from engine.priors.tensor_files import PriorError
from engine.rendering.bake import BakeError
from engine.runs import RunError, RunWriteError
from engine.service.frames import FrameError
from engine.service.job_queue import JobError
from engine.service.paths import PathError
from engine.service.session import SessionError

# The first that an exception is one of.
_CODES: dict[type[Exception], tuple[str, str]] = {
    ViewError: ("view", "Capture the view again."),
    DataError: ("data", ""),
    DatasetError: ("data", ""),
    RunWriteError: ("run", ""),
    RunError: ("run", "Choose another run, or start a new one."),
    BakeError: ("bake", ""),
    PathError: ("path", "Paths are relative to the folder the engine was started with."),
    FrameError: ("frame", "Ask for a smaller picture."),
    SessionError: ("request", ""),
    JobError: ("request", ""),
    ConfigError: ("config", ""),
    PriorError: ("prior", ""),
    OSError: ("file", "Check the disk's free space and the folder's permissions."),
}


def describe(error: Exception, regarding: str) -> Problem:
    """The Problem that tells ``error``, which happened while working on ``regarding``."""
    if _is_out_of_memory(error):
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return Problem(
            code="out of memory",
            message=f"the engine ran out of memory: {_first_line(error)}",
            hint="Ask for smaller pictures, use fewer or smaller views, or choose the cpu preset.",
            regarding=regarding,
        )
    regarding = getattr(error, "regarding", "") or regarding
    for kind, (code, hint) in _CODES.items():
        if isinstance(error, kind):
            return Problem(code=code, message=str(error)[:4000], hint=hint, regarding=regarding)
    return Problem(
        code="internal",
        message=f"something unforeseen: {type(error).__name__}: {_first_line(error)}",
        hint="The engine's log has the details.",
        regarding=regarding,
    )


def _is_out_of_memory(error: Exception) -> bool:
    words = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "memory allocation")  # CUDA's, torch's, Taichi's
    return isinstance(error, MemoryError | MemoryShortage | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(sign in words for sign in signs)
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:500] if lines else type(error).__name__
