"""Time each stage of a training step, beside the least time its bytes take; kept in benchmarks/results/.

    python -m benchmarks.stages path/to/lego [--device cpu]

Each stage is timed alone, the device waited for before and after; "whole step" is the step as it runs, nothing waited
for in between. The floor counts what a stage must read and write at least, at the measured speed of a large copy.
"""

from __future__ import annotations

import argparse
import collections
import functools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from benchmarks.results import describe, write_result
from engine.data.formats import load_dataset
from engine.fields import fused_mlp, hash_grid_field, mlp
from engine.fields.occupancy import OccupancyGrid
from engine.training import trainer as trainer_module
from engine.training.config import choose_preset
from engine.training.trainer import Trainer
from taichi_kernels.hash_grid import FEATURES
from taichi_kernels.runtime import choose_device

WARM_UP_STEPS, STEPS = 400, 208
# Stage name: where its function is looked up when a step runs.
Stages = Mapping[str, Sequence[tuple[ModuleType | type, str]]]
STAGES: Stages = {
    "draw rays": [(trainer_module, "sample_training_rays")],
    "march": [(trainer_module, "march_rays"), (trainer_module, "march_ray_segments")],
    "encode": [(hash_grid_field, "encode")],
    "networks": [(mlp.FieldNetworks, "forward"), (fused_mlp.FusedFieldNetworks, "forward")],
    "composite, loss, gradients": [(trainer_module, "composite_training")],
    "networks, backward": [(mlp.FieldNetworks, "backward"), (fused_mlp.FusedFieldNetworks, "backward")],
    "encode, backward": [(hash_grid_field, "encode_backward")],
    "Adam, table": [(hash_grid_field, "adam_step")],
    "Adam, networks": [(mlp.FieldNetworks, "step")],
    "occupancy": [(OccupancyGrid, "refresh")],
}


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    options = parser.parse_args()
    device = choose_device(options.device)
    dataset = load_dataset(options.dataset)
    config = choose_preset("auto", device, dataset.train_settings())
    trainer = Trainer(config, dataset.bounds, dataset.color_space, device)
    for view in dataset.train:
        trainer.add_view(view)
    run_steps(trainer, WARM_UP_STEPS)
    times: dict[str, list[float]] = collections.defaultdict(list)
    with stages_timed(times, device):
        run_steps(trainer, STEPS)
    started = time.perf_counter()
    run_steps(trainer, STEPS)
    whole = (time.perf_counter() - started) / STEPS
    bandwidth = measure_bandwidth(device)
    floors = least_bytes(trainer)
    rows = [
        {
            "stage": name,
            "ms": sum(values) / STEPS * 1e3,
            "floor_ms": floors[name] / bandwidth * 1e3 if name in floors else None,
        }
        for name, values in times.items()
    ]
    rows.append({"stage": "whole step", "ms": whole * 1e3, "floor_ms": sum(floors.values()) / bandwidth * 1e3})
    stats = trainer.stats()
    result = describe(options.dataset, dataset, device) | {
        "preset": config.preset,
        "samples_per_step": stats.samples_per_step,
        "rays_per_step": stats.rays_per_step,
        "bandwidth_bytes_per_second": bandwidth,
        "stages": rows,
    }
    for row in rows:
        floor = "" if row["floor_ms"] is None else f"{row['floor_ms']:8.3f}"
        print(f"{row['stage']:28s}{row['ms']:9.3f} ms{floor}")
    write_result("stages", result)
    return 0


def run_steps(trainer: Trainer, count: int) -> None:
    """``count`` steps, and wait for the device."""
    for _ in range(count):
        trainer.step()
    wait(trainer.device)


def wait(device: str) -> None:
    """Until the device has done all it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


@contextmanager
def stages_timed(times: dict[str, list[float]], device: str, stages: Stages = STAGES) -> Iterator[None]:
    """Record the seconds of every one of ``stages`` that runs inside."""
    replaced: list[tuple[Any, str, Callable[..., Any]]] = []

    def timed(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            wait(device)
            started = time.perf_counter()
            result = function(*args, **kwargs)
            wait(device)
            times[name].append(time.perf_counter() - started)
            return result

        return call

    for name, places in stages.items():
        for owner, attribute in places:
            function = vars(owner)[attribute]
            replaced.append((owner, attribute, function))
            setattr(owner, attribute, timed(function, name))
    try:
        yield
    finally:
        for owner, attribute, function in replaced:
            setattr(owner, attribute, function)


def measure_bandwidth(device: str) -> float:
    """Bytes a second of a copy far larger than any cache, read and written both counted."""
    source = torch.rand(1 << (28 if device == "cuda" else 26), device=device)
    target = torch.empty_like(source)
    seconds = []
    for _ in range(10):
        wait(device)
        started = time.perf_counter()
        target.copy_(source)
        wait(device)
        seconds.append(time.perf_counter() - started)
    return 2 * source.nelement() * source.element_size() / statistics.median(seconds)


def least_bytes(trainer: Trainer) -> dict[str, float]:
    """What the larger stages must move at least: each input read once, each output written once."""
    stats, field = trainer.stats(), trainer.field
    samples, features = stats.samples_per_step, field.config.levels * FEATURES
    item = 2 if trainer.device == "cuda" else 4
    # Every sample touches eight corners a level; neighbours share them, and a table is read at most once.
    touched = min(field.table.shape[0], 8 * field.config.levels * samples)
    return {
        "encode": samples * (12 + features * item) + touched * FEATURES * item,
        "networks": samples * (features + 5) * item,
        "composite, loss, gradients": samples * (4 + 2 * 5 * item),
        "networks, backward": samples * (2 * features + 5) * item,
        "encode, backward": samples * (12 + features * item) + 2 * touched * FEATURES * 4,
        "Adam, table": field.table.shape[0] * FEATURES * 4 + touched * (3 * FEATURES + 2) * 4,
    }


if __name__ == "__main__":
    sys.exit(main())
