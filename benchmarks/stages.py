"""Time the stages of a training step, beside their budgets and what they launch; kept in benchmarks/results/.

    python -m benchmarks.stages path/to/lego [--device cpu] [--after STEPS]

Each stage is timed alone, the device waited for before and after; "whole step" is the step as it runs, nothing waited
for in between. Floors are a stage's budget (benchmarks/step_budget.py) at this machine's measured rates: bytes at that
of a large copy, operations at that of a large product of matrices.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.results import describe, write_result
from benchmarks.step_budget import budget_stages, count_step
from benchmarks.step_launches import Launches, count_launches
from benchmarks.step_stages import STAGES, WHOLE_STEP, run_steps, stages_timed, wait
from engine.cli.arguments import add_device
from engine.data.formats import load_dataset
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.training.trainer import Trainer
from taichi_kernels.runtime import choose_device

# Multiples of the steps between two refreshes of the occupancy.
STEPS, COUNTED_STEPS = 208, 32
_REPEATS = 10


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    add_device(parser)
    parser.add_argument("--after", type=int, default=400, help="training steps before those that are measured (400)")
    options = parser.parse_args()
    device = choose_device(options.device)
    dataset = load_dataset(options.dataset)
    config = choose_preset("auto", device, dataset.train_settings())
    trainer = Trainer(make_primitive(config, dataset.bounds, dataset.color_space, device))
    for view in dataset.train:
        trainer.primitive.add(view)
    run_steps(trainer, options.after)
    measured = measure_stages(trainer)
    stats = trainer.stats()
    head = {
        "preset": config.preset,
        "after_steps": options.after,
        "samples_per_step": stats.figures["samples_per_step"],
        "rays_per_step": stats.figures["rays_per_step"],
    }
    write_result("stages", describe(options.dataset, dataset, device) | head | measured)
    for row in measured["stages"]:
        figures = (row[name] for name in ("ms", "device_ms", "floor_ms", "operations_floor_ms", "launches"))
        print(f"{row['stage']:28s}" + "".join("        -" if x is None else f"{x:9.3f}" for x in figures))
    return 0


def measure_stages(trainer: Trainer, steps: int = STEPS, counted_steps: int = COUNTED_STEPS) -> dict[str, Any]:
    """Times, budgets and launches of a warmed-up trainer's stages, a step each on average; the machine's rates."""
    device = trainer.primitive.device
    times: dict[str, list[float]] = collections.defaultdict(list)
    with stages_timed(times, device):
        run_steps(trainer, steps)
    started = time.perf_counter()
    run_steps(trainer, steps)
    times[WHOLE_STEP].append(time.perf_counter() - started)
    launches = count_launches(trainer, counted_steps)
    counts = count_step(trainer)
    budgets = budget_stages(trainer, counts)
    bandwidth, operation_rate = measure_bandwidth(device), measure_operation_rate(device)
    rows = []
    for name in (*STAGES, WHOLE_STEP):
        # Without the driver's record nothing is known; with it, a stage without a launch has none.
        launched = launches.get(name, Launches()) if launches else None
        seconds = launched.seconds if launched else None
        rows.append(
            {
                "stage": name,
                "ms": sum(times[name]) / steps * 1e3,
                "device_ms": None if seconds is None else seconds * 1e3,
                "bytes": budgets[name].bytes,
                "floor_ms": budgets[name].bytes / bandwidth * 1e3,
                "operations": budgets[name].operations,
                "operations_floor_ms": budgets[name].operations / operation_rate * 1e3,
                "launches": launched.kernels if launched else None,
                "copies": launched.copies if launched else None,
            }
        )
    return {
        "bandwidth_bytes_per_second": bandwidth,
        "operations_per_second": operation_rate,
        "counts": dataclasses.asdict(counts),
        "stages": rows,
    }


def measure_bandwidth(device: str) -> float:
    """Bytes a second of a copy far larger than any cache, read and written both counted."""
    source = torch.rand(1 << (28 if device == "cuda" else 26), device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _median_seconds(lambda: target.copy_(source), device)


def measure_operation_rate(device: str) -> float:
    """Operations a second of a large product of matrices: half precision on a GPU, single precision on a CPU."""
    size, dtype = (8192, torch.float16) if device == "cuda" else (2048, torch.float32)
    a, b = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(a)
    return 2 * size**3 / _median_seconds(lambda: torch.mm(a, b, out=product), device)


def _median_seconds(work: Callable[[], Any], device: str) -> float:
    seconds = []
    for _ in range(_REPEATS):
        wait(device)
        started = time.perf_counter()
        work()
        wait(device)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    sys.exit(main())
