"""Whether every seed trains as well as the others; kept in benchmarks/results/.

    python -m benchmarks.stability path/to/lego [--device cpu] [--seconds 5] [--seeds 10]

Each seed is a training of its own. On a GPU tables and networks compute in half precision, whose range ends at 65504: a
value that leaves it shows as a loss or a parameter that is not finite. The exit code is 1 if there was one.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.results import describe, write_result
from benchmarks.step_stages import wait
from benchmarks.trainings import begin_training
from engine.cli.arguments import add_device
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.data.selection import choose_evenly
from engine.evaluation.evaluate import mean_psnr
from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer
from taichi_kernels.runtime import choose_device

# Steps between two looks at the losses: each waits for the device.
LOOK_EVERY = 64


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    add_device(parser)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--test-views", type=int, default=50, help="score this many, chosen evenly")
    options = parser.parse_args()
    device = choose_device(options.device)
    dataset = load_dataset(options.dataset)
    dataset = dataclasses.replace(dataset, test=choose_evenly(dataset.test, options.test_views))
    runs = []
    for seed in range(options.seeds):
        runs.append(measure(dataset, device, seed, options.seconds))
        print(", ".join(f"{name} {value}" for name, value in runs[-1].items()), flush=True)
    result = describe(options.dataset, dataset, device) | {
        "seconds": options.seconds,
        "runs": runs,
    }
    write_result("stability", result)
    return int(any(run["trouble"] is not None for run in runs))


def measure(dataset: Dataset, device: str, seed: int, seconds: float) -> dict[str, Any]:
    """One training. ``trouble`` says what was not finite, and when; None when all was."""
    trainer = begin_training(dataset, device, seed=seed)
    trainer.warm_up()
    trainer.set_budget(seconds, None)
    losses = Losses(trainer)
    TrainingLoop(trainer).run(lambda: losses.trouble is not None, losses.look)
    wait(device)
    trouble = losses.trouble or find_trouble(trainer)
    return {
        "seed": seed,
        "step": trainer.step_count,
        "psnr": mean_psnr(trainer.primitive.viewer(), dataset.test)["black"],
        "largest_late_loss": losses.largest_late,
        "trouble": trouble,
    }


class Losses:
    """What a training's loss does: ``trouble`` once it isn't finite, and the largest of the second half."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self.trouble: str | None = None
        self.largest_late = 0.0

    def look(self) -> None:
        """After a step: read the loss when it is time to."""
        if self._trainer.step_count % LOOK_EVERY:
            return
        loss, progress = self._trainer.stats().loss, self._trainer.progress
        assert loss is not None and progress is not None
        if not math.isfinite(loss):
            self.trouble = f"loss {loss} at step {self._trainer.step_count}"
        elif progress > 0.5:
            self.largest_late = max(self.largest_late, loss)


def find_trouble(trainer: Trainer) -> str | None:
    """What of a run is not finite: parameters, moments, their copies in half precision, or gradients that Adam left."""
    tensors = trainer.state()
    for group in trainer.primitive.field.parameters():
        tensors |= {f"{group.name} working copy": group.working, f"{group.name} gradients": group.gradients}
    broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    return f"not finite: {', '.join(broken)}" if broken else None


if __name__ == "__main__":
    sys.exit(main())
