"""A capture, or any dataset that is read, on its way into another program's format: what all such formats share."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Protocol

from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.data.new_folder import new_folder, require_free
from engine.data.views import View
from engine.exporting.cloud import Cloud, CloudBuilder
from engine.exporting.exporters import DatasetOptions, ExportedDataset, ExportError, StageProgress
from engine.exporting.pictures import SUFFIXES, displayed, file_names, write_mask, write_picture
from engine.exporting.points import find_points
from engine.link.view_transform import FILE_NAME, load_view_transform
from engine.rendering.display import Display, display_encoding_of
from engine.run_folder import RUN_FILE

IMAGES, MASKS = "images", "masks"


@dataclasses.dataclass(frozen=True, eq=False)
class PicturedDataset:
    """A dataset whose pictures are in ``folder`` already: ``names`` of their files in IMAGES, in the views' order, that
    of their masks in MASKS, with ".png" behind it, if there are any, and what is seen of points."""

    folder: Path
    dataset: Dataset
    names: list[str]
    has_masks: bool
    cloud: Cloud

    @property
    def views(self) -> list[View]:
        """Training views, then held-out ones."""
        return self.dataset.views


class Layout(Protocol):
    """A format: what is written beside the pictures."""

    def check(self, dataset: Dataset) -> None:
        """Raise ExportError for what the format can't say, before anything is written."""
        ...

    def write(self, pictured: PicturedDataset, options: DatasetOptions) -> list[str]:
        """Write all else into its folder. Returns sentences for the user. Raises OSError."""
        ...


def export_dataset(
    source: Path, target: Path, options: DatasetOptions, tell: StageProgress, layout: Layout
) -> ExportedDataset:
    """Write the dataset at ``source`` by ``layout`` as the folder ``target``, which appears whole or not at all.

    Raises ExportError, DatasetError, ViewTransformError.
    """
    source, target = source.absolute(), target.absolute()
    require_free(target, options.overwrite)
    _require_apart(source, target, options.overwrite)
    warnings: list[str] = []
    dataset = load_dataset(source, options.holdout, lambda done, total: tell("Reading", done, total))
    layout.check(dataset)
    encode = display_encoding_of(_display(source, dataset, options, warnings))
    points = find_points(dataset.views, options.points, tell)
    has_depth = any(view.depth is not None and (view.depth > 0.0).any() for view in dataset.train)
    if options.points and not len(points.positions):
        why = "no two views agree on where anything is" if has_depth else "it has no depth"
        warnings.append(f"{source}: no points are written, as {why}: cameras and pictures alone")
    builder = CloudBuilder(points)
    names = file_names(dataset.views, SUFFIXES[options.images])
    has_masks = any(view.valid is not None for view in dataset.views)
    with new_folder(target, "hashlight export", options.overwrite) as scratch:
        (scratch / IMAGES).mkdir()
        if has_masks:
            (scratch / MASKS).mkdir()
        for done, (view, name) in enumerate(zip(dataset.views, names, strict=True), 1):
            shown = displayed(view, encode)
            write_picture(scratch / IMAGES / name, view, shown, options.images, options.background)
            if has_masks:
                write_mask(scratch / MASKS / f"{name}.png", view)
            builder.add(view, shown)
            tell("Writing", done, len(names))
        cloud = builder.finish()
        warnings += layout.write(PicturedDataset(scratch, dataset, names, has_masks, cloud), options)
    told = dataset.warnings + warnings
    return ExportedDataset(target, len(dataset.train), len(dataset.test), len(cloud.positions), told)


def _require_apart(source: Path, target: Path, overwrite: bool) -> None:
    """Raise ExportError where ``target`` is in the dataset, or where that, or a run, would be set aside with it."""
    # Of a dataset that is named by its file, the pictures may only be set aside, which are as a rule beside that.
    taken = source.parent if overwrite and source.is_file() else source
    if _lies_in(source, target):
        what = f"it is or holds what is exported, {source}"
    elif _lies_in(target, taken):
        what = f"it lies in what is exported, {taken}"
    elif overwrite and (run := next(target.resolve().rglob(RUN_FILE), None)) is not None:
        what = f"it holds a run, {run.parent}, which isn't set aside"
    else:
        return
    raise ExportError(f"{target}: {what}: choose another folder")


def _lies_in(inner: Path, outer: Path) -> bool:
    """Whether ``inner`` is ``outer`` or lies in it, by whatever names."""
    inner = inner.resolve()
    return outer.exists() and any(each.exists() and each.samefile(outer) for each in (inner, *inner.parents))


def _display(source: Path, dataset: Dataset, options: DatasetOptions, warnings: list[str]) -> Display:
    """How light becomes 8 bits."""
    if dataset.color_space == "srgb":
        if options.display not in (None, "standard"):
            warnings.append(
                f"{source}: its pictures are 8-bit sRGB, and written as they are: the view transform that was named "
                "changes nothing"
            )
        return "standard"
    if options.display is not None:
        return options.display
    table = (source if source.is_dir() else source.parent) / FILE_NAME
    if table.is_file():
        return load_view_transform(table)
    if options.images != "exr":
        warnings.append(
            f"{table}: there is none, so pictures are in Blender's Standard view transform; name another one, or "
            "write them as EXR"
        )
    return "standard"
