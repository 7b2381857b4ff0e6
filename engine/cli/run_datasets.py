"""Which dataset a run was trained from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.link.capture_format import CAPTURE, transforms_file


class NoDatasetError(RuntimeError):
    """A run whose dataset isn't there; the message says what to do."""


def dataset_of(run: Path, info: Mapping[str, Any], cure: str) -> Path:
    """The dataset that run.json, of which ``info`` is what it says, names if it is there, else the capture beside the
    ``run``, as Blender keeps both. Raises NoDatasetError, which ends with ``cure``."""
    named = info.get("dataset")
    if isinstance(named, str) and Path(named).exists():
        return Path(named)
    beside = run.resolve().parent / CAPTURE
    if (beside / transforms_file("train")).is_file():
        return beside
    if isinstance(named, str):
        raise NoDatasetError(f"{named}: the dataset that {run} was trained from is gone; {cure}")
    raise NoDatasetError(
        f"{run}: the run doesn't say which dataset it was trained from, and there is no capture beside it ({beside}); "
        f"{cure}"
    )
