"""Steps a second of the Taichi path against the same model in plain torch, on the CPU; kept in benchmarks/results/.

    python -m benchmarks.twins path/to/lego

All take the very same steps, in turn: before each round the torch trainers take over what the Taichi path has learnt,
so that they draw the same rays and evaluate the same samples. "twin" interpolates the grid as the kernel's twin in
taichi_kernels.twins does, "tuned" in the fastest way that was found in torch. Stages are timed in rounds of their own.
The machine should have nothing else to do meanwhile.
"""

from __future__ import annotations

import argparse
import collections
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import write_result
from benchmarks.step_stages import STAGES, Stages, run_steps, stages_timed
from benchmarks.torch_trainer import TorchTrainer, interpolate_by_level
from engine.data.formats import load_dataset
from engine.data.selection import choose_evenly
from engine.machine import device_name, versions
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.training.trainer import Trainer
from taichi_kernels.twins.hash_grid import interpolate

WARM_UP_STEPS = 400
ROUNDS, STAGE_ROUNDS = 12, 4
# A multiple of the steps between two refreshes of the occupancy, so that every round has as many of them.
STEPS = 16
TORCH_STAGES: Stages = {
    "draw rays": [(TorchTrainer, "draw_rays")],
    "march": [(TorchTrainer, "march")],
    "encode": [(TorchTrainer, "encode")],
    "networks": [(TorchTrainer, "evaluate_networks")],
    "composite, loss, gradients": [(TorchTrainer, "composite")],
    "networks, backward": [(TorchTrainer, "backward_networks")],
    "encode, backward": [(TorchTrainer, "backward_encode")],
    "Adam": [(TorchTrainer, "update_table"), (TorchTrainer, "update_weights")],
    "occupancy": [(TorchTrainer, "refresh_occupancy")],
}


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--views", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    dataset = load_dataset(options.dataset)
    views = choose_evenly(dataset.train, options.views)
    # Every sample is backpropagated on both sides: which ones a draw would keep is no matter of speed.
    config = choose_preset("cpu", "cpu", dataset.train_settings() | {"gradient_threshold": 0.0})
    trainer = Trainer(make_primitive(config, dataset.bounds, dataset.color_space, "cpu"))
    for view in views:
        trainer.primitive.add(view)
    run_steps(trainer, WARM_UP_STEPS)
    twins = {"twin": TorchTrainer(trainer, interpolate), "tuned": TorchTrainer(trainer, interpolate_by_level)}
    for twin in twins.values():
        time_steps(twin)
    camera, stats = views[0].camera, trainer.stats()
    result: dict[str, Any] = {
        "dataset": options.dataset.resolve().name,
        "size": [camera.width, camera.height],
        "train_views": len(views),
        "device": "cpu",
        "device_name": device_name("cpu"),
        "versions": versions(),
        "preset": config.preset,
        "samples_per_step": stats.figures["samples_per_step"],
        "rays_per_step": stats.figures["rays_per_step"],
        "rounds": options.rounds,
    }
    rows = [compare(trainer, twins, options.rounds), *compare_stages(trainer, twins)]
    result["stages"] = rows
    for row in rows:
        figures = "".join(f"{row[name]['ms']:9.2f} ms{row[name]['ratio']:6.2f}" for name in twins)
        print(f"{row['stage']:28s}{row['ms']:9.2f} ms{figures}")
    write_result("twins", result)
    return 0


def compare(trainer: Trainer, twins: Mapping[str, TorchTrainer], rounds: int) -> dict[str, Any]:
    """Milliseconds a step, and how many times as long torch takes: medians over ``rounds``, which all go through."""
    seconds: dict[str, list[float]] = collections.defaultdict(list)
    differences = []
    for number in range(rounds):
        for twin in twins.values():
            twin.take_over()
        # Each is the first in turn: what comes after something else finds a processor that is warm, or busy.
        names = ["taichi", *twins]
        start = number % len(names)
        for name in [*names[start:], *names[:start]]:
            seconds[name].append(time_steps(twins.get(name, trainer)))
        loss = trainer.stats().loss
        assert loss is not None
        differences += [abs(twin.loss / loss - 1.0) for twin in twins.values()]
    row: dict[str, Any] = {"stage": "whole step", "ms": statistics.median(seconds["taichi"]) * 1e3}
    for name in twins:
        ratios = [theirs / ours for ours, theirs in zip(seconds["taichi"], seconds[name], strict=True)]
        spread = [min(ratios), max(ratios)]
        median = statistics.median(seconds[name]) * 1e3
        row[name] = {"ms": median, "ratio": statistics.median(ratios), "ratio_spread": spread}
    # Rounding apart they are the same steps.
    return row | {"loss_difference": statistics.median(differences)}


def time_steps(trainer: Trainer | TorchTrainer) -> float:
    """Seconds a step, over one round."""
    started = time.perf_counter()
    for _ in range(STEPS):
        trainer.step()
    return (time.perf_counter() - started) / STEPS


def compare_stages(trainer: Trainer, twins: Mapping[str, TorchTrainer]) -> list[dict[str, Any]]:
    """The same for each stage alone."""
    ours: dict[str, list[float]] = collections.defaultdict(list)
    theirs = {name: collections.defaultdict[str, list[float]](list) for name in twins}
    for _ in range(STAGE_ROUNDS):
        for name, twin in twins.items():
            twin.take_over()
            with stages_timed(theirs[name], "cpu", TORCH_STAGES):
                time_steps(twin)
        with stages_timed(ours, "cpu"):
            time_steps(trainer)
    rows = []
    for stage in STAGES:
        ms = _milliseconds(ours[stage])
        row: dict[str, Any] = {"stage": stage, "ms": ms}
        for name in twins:
            torch_ms = _milliseconds(theirs[name][stage])
            row[name] = {"ms": torch_ms, "ratio": torch_ms / ms}
        rows.append(row)
    return rows


def _milliseconds(seconds: list[float]) -> float:
    """A step's share of the time in all stage rounds."""
    return sum(seconds) / (STAGE_ROUNDS * STEPS) * 1e3


if __name__ == "__main__":
    sys.exit(main())
