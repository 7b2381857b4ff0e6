"""Turn a dataset of any format into a capture folder, from which Blender trains as from a capture of its own.

Pictures are stored again, losslessly, as captures store theirs: Blender's Python reads EXR and PNG by numpy alone, so
it must find the kinds that are quick to read in that way, and knows nothing of JPEG or WebP.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.data.capture_folder import save_dataset
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.data.new_folder import new_folder, require_free
from engine.data.views import View
from engine.link.capture_format import MANIFEST, ViewRecord, describe_manifest
from engine.link.part_files import written_atomically

# (what is done, views that it is done for, views in all)
StageProgress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True)
class ImportedDataset:
    """What was imported: numbers of views, and sentences for the user about what was assumed or looks wrong."""

    folder: Path
    train_views: int
    test_views: int
    warnings: list[str]


def import_dataset(
    path: Path, folder: Path, holdout: int | None = None, progress: StageProgress | None = None
) -> ImportedDataset:
    """Read the dataset at ``path`` and write it as a capture into ``folder``, which appears whole or not at all.

    Args:
        path: as for ``load_dataset``.
        folder: where the capture goes; must be empty or not there yet.
        holdout: where there is no test split, every ``holdout``-th view becomes one.

    Raises:
        DatasetError: names the file, and the view or field, at fault.
    """
    path, folder = Path(path).absolute(), Path(folder).absolute()
    require_free(folder)
    tell = progress or (lambda stage, done, total: None)
    dataset = load_dataset(path, holdout, lambda done, total: tell("Reading", done, total))
    with new_folder(folder, "hashlight import") as scratch:
        save_dataset(scratch, dataset, lambda done, total: tell("Writing", done, total))
        _write_manifest(scratch / MANIFEST, dataset, holdout)
    warnings = dataset.warnings + _check_distance(dataset)
    return ImportedDataset(folder, len(dataset.train), len(dataset.test), warnings)


def _check_distance(dataset: Dataset) -> list[str]:
    """A warning where Blender, which computes in float32, can't tell apart what is that far from its origin."""
    bounds = dataset.bounds
    if not bounds.is_too_far_for_float32:
        return []
    away = float(np.abs(bounds.center).max())
    return [
        f"the subject is {away:.0f} m from the world's origin, where Blender's coordinates are "
        f"{bounds.coordinate_spacing:.2g} m apart: training is exact, but in Blender cameras and pictures jump about; "
        "move the poses near the origin in the file"
    ]


def _write_manifest(path: Path, dataset: Dataset, holdout: int | None) -> None:
    settings = {
        "imported_from": str(dataset.path),
        "holdout": holdout or 0,
        "color_space": dataset.color_space,
        "depth": any(view.depth is not None for view in dataset.views),
        **dataset.train_settings(),
    }
    manifest = describe_manifest(settings, dataset.bounds, map(_record, dataset.views))
    with written_atomically(path) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _record(view: View) -> ViewRecord:
    seconds = 0.0  # it is there, and nothing was rendered for it
    return ViewRecord(view.name, view.split, view.camera, view.name, None, seconds, view.depth is not None)
