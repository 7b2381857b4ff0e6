"""What a run was trained from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.link.capture_format import CAPTURE, transforms_file


class NoDatasetError(RuntimeError):
    """A run whose dataset isn't there; the message says what to do."""


def dataset_of(run: Path, info: Mapping[str, Any], cure: str) -> Path:
    """``data_of`` a run that was trained from views. Raises NoDatasetError for one that wasn't, too, and ConfigError
    for a kind that isn't known."""
    from engine.primitives.registry import kind_named

    if "kind" in info and not (kind := kind_named(info["kind"])).items_are_views:
        raise NoDatasetError(
            f"{run}: the run has no views, being of the kind {kind.name}: name one that learnt from views"
        )
    return data_of(run, info, cure)


def data_of(run: Path, info: Mapping[str, Any], cure: str) -> Path:
    """The dataset or file that run.json, of which ``info`` is what it says, names if it is there, else the capture
    beside the ``run``, as Blender keeps both. Raises NoDatasetError, which ends with ``cure``."""
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
