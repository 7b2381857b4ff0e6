"""Images to learn, written to files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.primitives.image.kind import IMAGE
from engine.primitives.image.primitive import ImagePrimitive
from engine.primitives.kind import DataOptions, TrainingData
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE

SMALL: Mapping[str, Any] = {
    "field.levels": 4,
    "field.log2_table_size": 12,
    "field.hidden_width": 16,
    "samples_per_step": 2048,
}


def waves(width: int, height: int) -> npt.NDArray[np.float64]:
    """Colours [H, W, 3] in 0..1 that change everywhere, and have a sharp edge."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    red = 0.5 + 0.4 * np.sin(11.0 * x) * np.cos(9.0 * y)
    green = 0.5 + 0.4 * np.cos(14.0 * (x + y))
    blue = np.where((x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.04, 0.9, 0.2)
    return np.stack((red, green, blue), axis=2)


def load(path: Path) -> TrainingData:
    return IMAGE.load(path, DataOptions(), lambda done, total: None)


def begin(data: TrainingData, **settings: Any) -> Trainer[ImagePrimitive]:
    """A trainer that has its image."""
    config = IMAGE.configure(data.spec, "cpu", TEST_DEVICE, {**SMALL, **settings})
    trainer = Trainer(IMAGE.build(data.spec, config, TEST_DEVICE))
    for item in data.items:
        trainer.primitive.add(item)
    return trainer


def train(trainer: Trainer[ImagePrimitive], steps: int) -> None:
    trainer.set_budget(None, steps)
    while not trainer.is_finished:
        trainer.step()


def psnr_of(trainer: Trainer[ImagePrimitive]) -> float:
    *_, scores = trainer.primitive.evaluate(trainer.primitive.viewer())
    psnr: float = scores.means["psnr"]
    return psnr
