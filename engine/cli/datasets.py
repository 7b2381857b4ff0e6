"""Load a dataset with a progress bar and its warnings on the terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.cli.output import loading_progress, warn
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.data.images import resize_nearest
from engine.data.views import MASKED_DEPTH, View
from engine.link.arrays import Dtype

if TYPE_CHECKING:
    from engine.primitives.kind import Kind, TrainingData


def load_with_progress(path: Path, holdout: int | None) -> Dataset:
    """``load_dataset`` for people."""
    update, close = loading_progress("Loading views")
    try:
        dataset = load_dataset(path, holdout, update)
    finally:
        close()
    for warning in (*dataset.about_holdout(holdout), *dataset.warnings):
        warn(warning)
    return dataset


def load_data(kind: Kind[Any], path: Path, variant: str | None, holdout: int | None) -> TrainingData:
    """What a primitive of ``kind`` learns from, for people."""
    from engine.primitives.kind import DataOptions

    update, close = loading_progress(f"Loading {kind.item}s")
    try:
        data = kind.load(path, DataOptions(variant, holdout), update)
    finally:
        close()
    for warning in data.warnings:
        warn(warning)
    return data


def shrink(view: View, size: tuple[int, int]) -> View:
    """The same view at another (width, height): colour averaged over areas, with alpha premultiplied; no depth.

    Depth is dropped, because an average over an edge lies on no surface; masked pixels stay masked.
    """
    from engine.data.color import premultiply

    width, height = size
    planes = premultiply(view.color, view.color_space)
    resized = np.stack([_resize(planes[..., channel], size) for channel in range(4)], axis=2)
    if view.color_space == "linear":
        color = resized.astype(np.float16)
    else:
        resized[..., :3] /= np.maximum(resized[..., 3:], 1e-6)
        color = (np.clip(resized, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    depth = None
    if view.valid is not None:
        depth = np.where(resize_nearest(view.valid, width, height), np.float32(0.0), np.float32(MASKED_DEPTH))
    return dataclasses.replace(view, camera=view.camera.resized(width, height), color=color, depth=depth)


def shrink_all(views: Sequence[View], size: tuple[int, int] | None) -> list[View]:
    """All views at ``size``; as they are where that is None or theirs already."""
    return [
        view if size is None or size == (view.camera.width, view.camera.height) else shrink(view, size)
        for view in views
    ]


def _resize(plane: npt.NDArray[Dtype], size: tuple[int, int]) -> npt.NDArray[Dtype]:
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BOX))
