"""What an encoding and its kernels are worth: the same views, samples and loss with several; in benchmarks/results/.

    python -m benchmarks.encodings path/to/lego                   on a GPU: all views, 5, 15, 60 and 300 s
    python -m benchmarks.encodings path/to/lego --device cpu      24 views of 160x160, 15 and 60 s
    python -m benchmarks.encodings path/to/lego --gpus 4 --out build/encodings --until 570
    python -m benchmarks.encodings --collect build/encodings
    python -m benchmarks.encodings path/to/lego --extend --seeds 4 --only 'nerf_300_*' --out build/more
    python -m benchmarks.encodings --extend --collect build/more
    python -m benchmarks.encodings path/to/lego --only 'nerf_60_*' --set learning_rate=1e-3 --out build/try

Every budget is a training of its own, because the learning rate falls towards its end; all on a GPU, and short ones on
a CPU, are made with several seeds, and the table has their mean. A training's result is a file in OUT as soon as it is
done. A call that is made again, or that --until has ended early, goes on with those that are not there yet; when all
are, or with --collect, they become one file, the tables and the picture of docs/performance.md. With --extend the
trainings of the recorded file are left out, and stay beside the new ones. "speedup": how many times as long as the hash
grid the original NeRF takes to what it reaches in its largest budget. The machine should have nothing else to do
meanwhile.

What a NeRF's step takes at least on an H200 (over the occupancy grid, 2^18 samples, a third of them backpropagated, and
evaluated once more for that): 0.59 million weights are 1.2 MFLOP a sample forward and twice as many back, 0.62 TFLOP in
all, 1.0 ms at 600 TFLOP/s in float16. The activations of its ten wide layers are written and read once forward, and
seven times back (rectified, multiplied with weights and with inputs), 10 KB and 36 KB a sample: 6.7 GB, 1.7 ms at
4 TB/s. So bytes are the floor, and TensorFloat-32, which has as many digits, would have twice as many of them. While
training is coarse (see OccupancyConfig.coarse_until) all is half. With 1024 rays of 256 evaluations, all of which are
backpropagated, the coarse-and-fine NeRF's is 12 GB, 3 ms. Measured with so many: 2.9 and 7 ms on the card, but 14 and
26 ms on the host, which launches some 400 and 800 operations of torch. So the presets have four times as many samples.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fnmatch
import json
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encodings_result import BASE, BASELINE, collect, job_name, recorded_trainings, training_name
from benchmarks.job_queue import Job, JobQueue
from benchmarks.results import describe
from benchmarks.view_scores import score, showing
from engine.cli.arguments import add_device
from engine.cli.datasets import shrink_all
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.data.selection import choose_evenly
from engine.device import PROFILES
from engine.link.part_files import written_atomically
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer
from taichi_kernels import triton_kernels
from taichi_kernels.runtime import choose_device


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What can be asked of a kind of device. ``first_budgets``: of the base alone, which is there before the others'
    first. Budgets up to ``repeated`` seconds are made with each of ``seeds``, longer ones with the first. ``views`` and
    ``test_views``: how many, chosen evenly; None: all."""

    budgets: tuple[float, ...]
    first_budgets: tuple[float, ...]
    repeated: float
    seeds: int
    views: int | None
    test_views: int | None
    size: tuple[int, int] | None


PROTOCOLS = {
    "cuda": Protocol((5.0, 15.0, 60.0, 300.0), (0.5, 1.0, 2.0), 300.0, 3, None, None, None),
    "cpu": Protocol((15.0, 60.0), (2.0, 5.0), 15.0, 2, 24, 8, (160, 160)),
}


@dataclasses.dataclass(frozen=True)
class Variant:
    """A row of the table; without Triton where ``is_portable``."""

    config: RadianceFieldConfig
    is_portable: bool = False


def main() -> int:
    """Measure, and write what there is when all is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="?")
    add_device(parser)
    parser.add_argument("--budgets", type=_numbers, metavar="S,...", help="instead of the device's")
    parser.add_argument("--seeds", type=int, metavar="N", help="for the short budgets")
    parser.add_argument("--repeated", type=float, metavar="S", help="the longest of the short budgets")
    parser.add_argument(
        "--only", action="append", metavar="PATTERN", help="of names, row_seconds_seed; nothing is collected"
    )
    parser.add_argument(
        "--extend", action="store_true", help="what is recorded of this machine, instead of replacing it"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting, to try it out")
    parser.add_argument("--test-views", type=int, metavar="N", help="score on so many only, to try it out")
    parser.add_argument("--out", type=Path, default=Path("build/encodings"), help="one file a training")
    parser.add_argument("--gpus", type=int, default=1, help="how many of this machine's work at a time")
    parser.add_argument("--until", type=float, default=float("inf"), metavar="S", help="no training ends after this")
    parser.add_argument("--collect", type=Path, metavar="OUT", help="only make the tables, of what there is")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = tuple(encodings("cpu", {}))
    if options.collect:
        collect(options.collect, rows, options.extend)
        return 0
    if options.dataset is None:
        parser.error("DATASET is needed, or --collect")
    if options.worker:
        return Worker(options).run()
    device = choose_device(options.device)
    queue = JobQueue(list(_jobs(options, device).values()), options.out, options.until)
    command = [sys.executable, "-m", "benchmarks.encodings", *sys.argv[1:], "--worker"]
    queue.run(command, list(range(options.gpus)) if device == "cuda" else [None])
    if queue.left or queue.failed:
        print(f"not done: {', '.join(queue.left + queue.failed)}", file=sys.stderr)
        return 1
    if not (options.only or options.set or options.test_views):
        collect(options.out, rows, options.extend)
    return 0


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(sorted(map(float, text.split(","))))


def _settings(texts: Sequence[str]) -> dict[str, Any]:
    pairs = (text.split("=", 1) for text in texts)
    return {name: json.loads(value) for name, value in pairs}


def _jobs(options: argparse.Namespace, device: str) -> dict[str, Job]:
    """All trainings by the name of their result."""
    protocol = PROTOCOLS[device]
    seeds, repeated = options.seeds or protocol.seeds, options.repeated or protocol.repeated
    jobs = []
    for name in encodings(device, {}):
        first = protocol.first_budgets if name == BASE and not options.budgets else ()
        for seconds in (*first, *(options.budgets or protocol.budgets)):
            for seed in range(seeds if seconds <= repeated else 1):
                jobs.append(Job(job_name(name, seconds, seed), name, seconds))
    recorded = (
        {training_name(each) for each in recorded_trainings(options.dataset.resolve().name, device)}
        if options.extend
        else ()
    )
    return {job.name: job for job in jobs if job.name not in recorded and _matches(job.name, options.only)}


def _matches(name: str, patterns: Sequence[str] | None) -> bool:
    return patterns is None or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


class Worker:
    """Does the jobs whose names come in, one after another."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.device = options, choose_device(options.device)
        protocol = PROTOCOLS[self.device]
        dataset = load_dataset(options.dataset)
        train, test = (
            shrink_all(choose_evenly(views, count), protocol.size)
            for views, count in (
                (dataset.train, protocol.views),
                (dataset.test, options.test_views or protocol.test_views),
            )
        )
        self.dataset = dataclasses.replace(dataset, train=train, test=test)
        self.jobs = _jobs(options, self.device)

    def run(self) -> int:
        """Until there are no more names."""
        for line in sys.stdin:
            job = self.jobs[line.strip()]
            try:
                self._do(job)
            except Exception:
                traceback.print_exc()
                return 1
            print(job.name, flush=True)
        return 0

    def _do(self, job: Job) -> None:
        seed = int(job.name.rpartition("_")[2])
        settings = self.dataset.train_settings() | {"seed": seed}
        encoding = encodings(self.device, settings, _settings(self.options.set))[job.group]
        with triton_kernels.switched_off() if encoding.is_portable else contextlib.nullcontext():
            figures = measure(encoding.config, self.dataset, self.device, job.seconds)
        words = ", ".join(f"{key} {value:.2f}" for key, value in figures.items() if value is not None)
        print(f"{job.name:36s} {words}", file=sys.stderr, flush=True)
        result = {
            "encoding": job.group,
            "network": encoding.config.fit(encoding.config.field).summary,
            "seed": seed,
            "head": describe(self.options.dataset, self.dataset, self.device),
            "figures": figures,
        }
        with written_atomically(self.options.out / f"{job.name}.json") as path:
            path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def encodings(device: str, settings: Mapping[str, Any], tried: Mapping[str, Any] | None = None) -> dict[str, Variant]:
    """By name: the presets of the fields, and the hash grid without its kernels or its levels, in the same memory.
    ``tried``: settings that replace theirs."""
    chosen = {**settings, **(tried or {})}
    hash_grid = choose_preset("auto", device, settings)
    field: Any = hash_grid.field
    log2_entries = field.log2_table_size + round(np.log2(field.levels))
    side = int((1 << log2_entries) ** (1 / 3)) - 1  # cells; their corners fit the table
    finest: Any = hash_grid.fit(hash_grid.field)

    def one_level(resolution: int) -> Variant:
        table = {"levels": 1, "log2_table_size": log2_entries}
        resolutions = {"base_resolution": resolution, "max_resolution": resolution}
        return Variant(hash_grid.override({f"field.{name}": value for name, value in (table | resolutions).items()}))

    return {
        BASE: Variant(hash_grid),
        BASELINE: Variant(choose_preset("auto", device, chosen, "nerf")),
        "nerf, coarse and fine": Variant(choose_preset("auto", device, chosen, "nerf-hierarchical")),
        "hash grid, portable kernels": Variant(hash_grid, is_portable=True),
        "dense grid": one_level(side),
        "hash table of one level": one_level(finest.max_resolution),
    }


def measure(config: RadianceFieldConfig, dataset: Dataset, device: str, seconds: float) -> dict[str, float | None]:
    """One training, and what came of it."""
    primitive = make_primitive(config, dataset.bounds, dataset.color_space, device)
    trainer = Trainer(primitive)
    for view in dataset.train:
        primitive.add(view)
    trainer.warm_up()
    trainer.set_budget(seconds, None)
    started = time.perf_counter()
    TrainingLoop(trainer).run()
    PROFILES[device].wait()
    took = time.perf_counter() - started
    stats = trainer.stats()
    viewer = primitive.viewer()
    whole, subject = score(showing(viewer), viewer.extent, dataset.test)
    return {
        "seconds": seconds,
        "took": took,
        "step": float(stats.step),
        "steps_per_second": stats.step / stats.seconds,
        "samples_per_step": stats.figures["samples_per_step"],
        "psnr_black": whole,
        "subject_psnr": subject,
        "scoring_seconds": time.perf_counter() - started - took,
    }


if __name__ == "__main__":
    sys.exit(main())
