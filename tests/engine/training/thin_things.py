"""Trains on wires and a plate, and measures what comes of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.data.color import composite_for_display
from engine.data.views import View
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.training.trainer import Trainer
from tests.engine.training.small_run import train
from tests.engine.training.wires import make_views, wire_bounds

SIZE, VIEWS = 96, 24
_SMOOTHING = 5  # pixels: what varies more slowly is no grain


class Coverage(NamedTuple):
    """How pictures of a field cover what they should. ``recall``: the share of the true coverage that is there;
    ``precision``: the share of what is covered that should be, which falls where silhouettes are bloated."""

    recall: float
    precision: float


def wire_coverage(device: str, widths: list[float], steps: int, *, with_plate: bool) -> Coverage:
    """Train on wires of ``widths``, in pixels; how held-out views of the field cover them."""
    trainer = _train(device, make_views(widths, SIZE, VIEWS, with_plate=with_plate), steps)
    truths, founds = [], []
    plates = make_views([], SIZE, 4, with_plate=with_plate, split="test")
    for view, plate in zip(make_views(widths, SIZE, 4, with_plate=with_plate, split="test"), plates, strict=True):
        # Beside the plate alone: above it a wire's coverage can't be told from the plate's.
        is_beside = plate.color[..., 3] == 0
        truths.append(view.color[..., 3].astype(np.float64)[is_beside])
        founds.append(_picture(trainer, view)[..., 3][is_beside])
    return compare_coverage(np.concatenate(truths), np.concatenate(founds))


def compare_coverage(truth: np.ndarray, found: np.ndarray) -> Coverage:
    """Of alphas, in 0..1. Where nothing is found, nothing is found wrongly."""
    kept, covered = np.minimum(truth, found).sum(), found.sum()
    return Coverage(float(kept / truth.sum()), float(kept / covered) if covered else 1.0)


def grain(device: str, steps: int) -> float:
    """Train on the plate alone, whose colour varies slowly; root mean square of the display values' error in held-out
    views, less its mean over 5 x 5 pixels, away from the rim."""
    trainer = _train(device, make_views([], SIZE, VIEWS, with_plate=True), steps)
    squares = []
    for view in make_views([], SIZE, 4, with_plate=True, split="test"):
        found = composite_for_display(_picture(trainer, view), "linear", "black")
        error = (found - composite_for_display(view.color, "linear", "black")).astype(np.float64)
        inner = _box_mean((view.color[..., 3] >= 1.0).astype(np.float64)) > 0.999
        inner = _box_mean(inner.astype(np.float64)) > 0.999  # the means there are of the plate alone
        for channel in np.moveaxis(error, -1, 0):
            squares.append((channel - _box_mean(channel))[inner] ** 2)
    return float(np.sqrt(np.concatenate(squares).mean()))


def _train(device: str, views: list[View], steps: int) -> Trainer:
    trainer = Trainer(
        make_primitive(choose_preset("auto", device, {"pixels_across": 60.0}), wire_bounds(), "linear", device)
    )
    for view in views:
        trainer.primitive.add(view)
    return train(trainer, steps)


def _picture(trainer: Trainer, view: View) -> np.ndarray:
    return trainer.primitive.viewer().render(view.camera).color.cpu().numpy().astype(np.float64)


def _box_mean(values: np.ndarray) -> np.ndarray:
    margin = _SMOOTHING // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, margin, mode="edge"), (_SMOOTHING, _SMOOTHING))
    return np.asarray(windows.mean(axis=(2, 3)))
