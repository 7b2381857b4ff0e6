"""What an encoding is worth: the same trainer, samples and loss with several; kept in benchmarks/results/.

    python -m benchmarks.encodings path/to/lego            on a GPU: all views, 5, 15, 60 and 300 s
    python -m benchmarks.encodings path/to/lego --device cpu    24 views of 160x160, 15 and 60 s
    python -m benchmarks.encodings path/to/lego --only nerf --budgets 60

Every budget is a training of its own, because the learning rate falls towards its end. "speedup": how many times as
long as the hash grid the original NeRF takes to what it reaches in its largest budget. The machine should have nothing
else to do meanwhile.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import describe, write_result
from engine.cli.datasets import shrink_all
from engine.cli.training_benchmark import time_to_reach
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.evaluation.evaluate import choose_evenly, evaluate
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive
from engine.primitives.registry import choose_preset
from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer
from taichi_kernels.runtime import choose_device


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What can be asked of a kind of device. ``views`` and ``test_views``: how many, chosen evenly; None: all."""

    budgets: tuple[float, ...]
    views: int | None
    test_views: int | None
    size: tuple[int, int] | None


PROTOCOLS = {
    "cuda": Protocol((5.0, 15.0, 60.0, 300.0), None, None, None),
    "cpu": Protocol((15.0, 60.0), 24, 8, (160, 160)),
}
BASE, BASELINE = "hash grid", "nerf"


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--budgets", type=lambda text: tuple(sorted(map(float, text.split(",")))))
    parser.add_argument("--only", action="append", metavar="ROW", help="one of the encodings; nothing is written")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    device = choose_device(options.device)
    protocol = PROTOCOLS[device]
    budgets = options.budgets or protocol.budgets
    dataset = load_dataset(options.dataset)
    train, test = (
        shrink_all(choose_evenly(views, count or len(views)), protocol.size)
        for views, count in ((dataset.train, protocol.views), (dataset.test, protocol.test_views))
    )
    dataset = dataclasses.replace(dataset, train=train, test=test)
    configs = encodings(device, dataset.train_settings() | {"seed": options.seed})
    rows = []
    for name, config in configs.items():
        if options.only and name not in options.only:
            continue
        rows.append({"encoding": name, "network": config.scaled_field.summary, "budgets": []})
        for seconds in budgets:
            figures = measure(config, dataset, device, seconds)
            rows[-1]["budgets"].append(figures)
            words = ", ".join(f"{key} {value:.2f}" for key, value in figures.items() if value is not None)
            print(f"{name:24s} {words}", flush=True)
    if not options.only:
        head = describe(options.dataset, dataset, device) | {"seed": options.seed}
        write_result("encodings", head | {"rows": rows, "speedup": find_speedup(rows)})
    return 0


def encodings(device: str, settings: Mapping[str, Any]) -> dict[str, RadianceFieldConfig]:
    """By name: the presets of both fields, and the hash grid without its levels, in the same memory."""
    hash_grid = choose_preset("auto", device, settings)
    field: Any = hash_grid.field
    log2_entries = field.log2_table_size + round(np.log2(field.levels))
    side = int((1 << log2_entries) ** (1 / 3)) - 1  # cells; their corners fit the table
    finest: Any = hash_grid.scaled_field

    def one_level(resolution: int) -> RadianceFieldConfig:
        table = {"levels": 1, "log2_table_size": log2_entries}
        resolutions = {"base_resolution": resolution, "max_resolution": resolution}
        return hash_grid.override({f"field.{name}": value for name, value in (table | resolutions).items()})

    return {
        BASE: hash_grid,
        BASELINE: choose_preset("auto", device, settings, "nerf"),
        "dense grid": one_level(side),
        "hash table of one level": one_level(finest.max_resolution),
    }


def measure(config: RadianceFieldConfig, dataset: Dataset, device: str, seconds: float) -> dict[str, float | None]:
    """One training, and what came of it."""
    trainer = Trainer(RadianceFieldPrimitive(config, dataset.bounds, dataset.color_space, device))
    for view in dataset.train:
        trainer.primitive.add(view)
    trainer.warm_up()
    trainer.set_budget(seconds, None)
    TrainingLoop(trainer).run()
    stats = trainer.stats()
    scores = evaluate(trainer.primitive.renderer(), dataset.test, "black", keep_images=False)
    return {
        "seconds": seconds,
        "step": float(stats.step),
        "steps_per_second": stats.step / stats.seconds,
        "samples_per_step": float(stats.figures["samples_per_step"]),
        "psnr_black": scores.psnr,
        "subject_psnr": scores.subject_psnr,
    }


def find_speedup(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """How many times as long as the hash grid the original NeRF took to its last score; None: the hash grid's first
    budget was enough already, so that there is only a bound, or its last was not."""
    budgets = {row["encoding"]: row["budgets"] for row in rows}
    goal = budgets[BASELINE][-1]
    reached = time_to_reach(budgets[BASE], goal["psnr_black"])
    return None if reached is None or reached <= budgets[BASE][0]["seconds"] else goal["seconds"] / reached


if __name__ == "__main__":
    sys.exit(main())
