"""What there is to export to: a module each, which is imported when it is asked for."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, cast

from engine.data.color import Background
from engine.rendering.display import Display

# What each makes of it, for people. A module of the same name in this package offers ``export``.
EXPORTERS = {
    "colmap": "a COLMAP project: images/, sparse/0 with cameras, images and points, masks/",
    "nerfstudio": "a nerfstudio dataset: transforms.json, images, depth, masks, points as PLY",
}

PictureFormat = Literal["png", "jpeg", "exr"]
# (what is done, views that it is done for, views in all)
StageProgress = Callable[[str, int, int], None]


class ExportError(Exception):
    """What can't be exported; the message names the view or file at fault."""


@dataclasses.dataclass(frozen=True)
class DatasetOptions:
    """How a dataset is written.

    ``images``: "png" as 8 bits with alpha, "jpeg" as 8 bits on ``background``, black if that is None, "exr" as
    scene-linear half floats with premultiplied alpha. With a ``background`` none has alpha. ``display``: how light
    becomes 8 bits; None: by the table in the capture's folder, else Blender's Standard. ``points``: about how many,
    where there is depth; 0 for none. ``text``: COLMAP's model as text. ``holdout``: where there is no test split, every
    ``holdout``-th view becomes one. ``overwrite``: what is at the target is set aside.
    """

    images: PictureFormat = "png"
    background: Background | None = None
    display: Display | None = None
    points: int = 100_000
    text: bool = False
    holdout: int | None = None
    overwrite: bool = False


@dataclasses.dataclass(frozen=True)
class ExportedDataset:
    """What was written: numbers of views and points, and sentences for the user."""

    folder: Path
    train_views: int
    test_views: int
    points: int
    warnings: list[str]


class Exporter(Protocol):
    """A module that exports."""

    def export(self, source: Path, target: Path, options: DatasetOptions, tell: StageProgress) -> ExportedDataset:
        """Write what the dataset at ``source`` holds as ``target``, whole or not at all. Raises ExportError,
        DatasetError."""
        ...


def exporter_for(name: str) -> Exporter:
    """The module for one of EXPORTERS."""
    return cast(Exporter, importlib.import_module(f"engine.exporting.{name}"))
