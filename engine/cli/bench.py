"""``hashlight bench``: quality over training time, and the rates behind it.

Time is training time: start-up, loading and scoring don't count. Every budget is a training of its own, because the
learning rate falls towards the end that is set for it.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import add_device, add_holdout, add_preset, picture_size, positive_seconds, whole_number

if TYPE_CHECKING:
    from engine.data.views import View
    from engine.training.config import TrainConfig
    from engine.training.trainer import Trainer

DEFAULT_BUDGETS = [1.0, 5.0, 15.0, 60.0]
GOAL_DB = 34.0
# Between budgets the score is looked at each time training has gone on by this factor.
CHECKPOINT_FACTOR = 1.3
FIRST_CHECKPOINT = 0.5
FRAME_SIZES = ((800, 800), (1920, 1080))
FRAMES = 30
WARM_UP_FRAMES = 3
EXAMPLES = """\
examples:
  hashlight bench data/lego --budgets 1,5,15,60 --json lego.json
  hashlight bench data/lego --device cpu --budgets 15,60 --views 48 --size 160x160 --seeds 3

Scores are mean PSNR over the test views, on black and on white. Every budget is trained from scratch, as its learning
rate schedule depends on it. Frame times are the median of 30 frames of the scene, copy to the host included."""


class BenchError(RuntimeError):
    """A measurement that can't be made; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder or transforms JSON file")
    parser.add_argument(
        "--budgets", type=_budgets, default=DEFAULT_BUDGETS, metavar="S,S,...", help="training seconds (1,5,15,60)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    add_device(parser)
    add_preset(parser)
    parser.add_argument("--seed", type=whole_number(0, 2**31 - 1), default=0, metavar="N", help="first seed (0)")
    parser.add_argument("--seeds", type=whole_number(1, 100), default=1, metavar="N", help="repeat with N seeds (1)")
    parser.add_argument("--views", type=whole_number(1, 100_000), metavar="N", help="train on N views, chosen evenly")
    parser.add_argument("--test-views", type=whole_number(1, 100_000), metavar="N", help="score N views, chosen evenly")
    parser.add_argument("--size", type=picture_size, metavar="WxH", help="scale the views to this size")
    add_holdout(parser, "without a test split: hold out every K-th view")
    parser.add_argument("--no-frames", action="store_true", help="don't measure frame times (minutes on a CPU)")


def run(options: argparse.Namespace) -> int:
    """Measure. Returns the exit code."""
    from engine.cli.preload import preloading

    with preloading():
        return _measure(options)


def _measure(options: argparse.Namespace) -> int:
    from engine.cli.datasets import load_with_progress, shrink_all
    from engine.cli.output import write_json

    dataset = load_with_progress(options.dataset, options.holdout)
    from engine.evaluation.evaluate import choose_evenly
    from engine.training.config import choose_preset
    from taichi_kernels.runtime import choose_device

    device = choose_device(options.device)
    if not dataset.test:
        raise BenchError(f"{options.dataset}: no held-out views to score; --holdout 8 makes some")
    train = shrink_all(choose_evenly(dataset.train, options.views or len(dataset.train)), options.size)
    test = shrink_all(choose_evenly(dataset.test, options.test_views or len(dataset.test)), options.size)
    shown = dataclasses.replace(dataset, train=train)
    config = choose_preset(options.preset, device, shown.train_settings())
    bench = Bench(config, dataset.bounds, train, test, device)
    description = _describe(options, train, test, config.preset, device)
    for figures in bench.measure(options):
        result = description | figures
        if options.json is not None:
            write_json(options.json, result)
    _print_table(result)
    if options.json is not None:
        print(f"Written to {options.json}")
    return 0


class Bench:
    """Trains again and again on the same views, and measures."""

    def __init__(
        self, config: TrainConfig, bounds: Any, train: Sequence[View], test: Sequence[View], device: str
    ) -> None:
        self.config, self.bounds, self.train, self.test, self.device = config, bounds, train, test, device

    def measure(self, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
        """All figures: medians over seeds and their spread, the rest of the last one. Anew after each seed, so that a
        measurement cut short has not been for nothing."""
        startup_seconds = self._start_up(options.started)
        runs = []
        last: Trainer | None = None
        for seed in range(options.seed, options.seed + options.seeds):
            trained: dict[float, dict[str, Any]] = {}
            points: list[dict[str, float]] = []
            for budget in options.budgets:
                last = None  # its memory is needed
                _say(f"seed {seed}: {budget:g} s of training ...")
                last, curve = self._train(budget, seed, with_curve=budget == options.budgets[-1])
                trained[budget] = curve[-1]
                points += curve
                _say(f"  {curve[-1]['psnr_black']:.2f} dB on black after {curve[-1]['step']:.0f} steps")
            runs.append({"seed": seed, "budgets": trained, "seconds_to_34db": time_to_reach(points, GOAL_DB)})
            assert last is not None  # there is a budget at least
            yield (
                _summarise(runs, options.budgets)
                | self._rates(last)
                | {"seeds": len(runs), "curve": curve, "startup_seconds": startup_seconds}
                | {"frame_ms": {} if options.no_frames else self._frame_times(last)}
                | {"peak_gpu_memory_bytes": self._peak_memory()}
            )

    def _start_up(self, started: float) -> float:
        """Seconds from the command's start to its first step: all imported, the dataset read, its views on the device,
        every kernel compiled. ``started``: of time.perf_counter."""
        _say("warming up ...")
        trainer = self._new_trainer(self.config.seed)
        trainer.warm_up()
        trainer.step()
        self._wait()
        return time.perf_counter() - started

    def _new_trainer(self, seed: int) -> Trainer:
        import dataclasses

        from engine.training.trainer import Trainer

        trainer = Trainer(
            dataclasses.replace(self.config, seed=seed), self.bounds, self.train[0].color_space, self.device
        )
        for view in self.train:
            trainer.add_view(view)
        return trainer

    def _train(self, budget: float, seed: int, with_curve: bool) -> tuple[Trainer, list[dict[str, float]]]:
        """Train for ``budget`` seconds of wall clock; the scores at the end, and with the curve before it too."""
        trainer = self._new_trainer(seed)
        trainer.set_budget(budget, None)
        stops = [*(_checkpoints(budget) if with_curve else ()), budget]
        self._wait()
        points: list[dict[str, float]] = []
        spent = 0.0
        for stop in stops:
            started = time.perf_counter()
            while spent + time.perf_counter() - started < stop and not trainer.is_finished:
                trainer.step()
            self._wait()  # what was launched is part of the time
            spent += time.perf_counter() - started
            points.append(self._score(trainer, spent))
        return trainer, points

    def _score(self, trainer: Trainer, seconds: float) -> dict[str, float]:
        from engine.evaluation.evaluate import mean_psnr

        psnr = mean_psnr(trainer.renderer(), self.test)
        step = float(trainer.step_count)
        return {"seconds": seconds, "step": step, "psnr_black": psnr["black"], "psnr_white": psnr["white"]}

    def _rates(self, trainer: Trainer) -> dict[str, Any]:
        stats = trainer.stats()
        return {
            "samples_per_step": stats.samples_per_step,
            "taught_samples": stats.taught_samples,
            "rays_per_step": stats.rays_per_step,
        }

    def _frame_times(self, trainer: Trainer) -> dict[str, float]:
        """Median milliseconds a frame as a moving view shows it, copy to the host included; test cameras in turn."""
        from engine.rendering.renderer import MOVING_TRANSMITTANCE

        renderer = trainer.renderer()
        medians = {}
        for width, height in FRAME_SIZES:
            _say(f"frames of {width}x{height} ...")
            cameras = [_at_size(view.camera, width, height) for view in self.test[:FRAMES]]
            times = []
            for index in range(-WARM_UP_FRAMES, FRAMES):
                started = time.perf_counter()
                renderer.render(cameras[index % len(cameras)], MOVING_TRANSMITTANCE).to_srgb8(0.0)
                if index >= 0:
                    times.append((time.perf_counter() - started) * 1000.0)
            medians[f"{width}x{height}"] = statistics.median(times)
        return medians

    def _wait(self) -> None:
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()

    def _peak_memory(self) -> int | None:
        if self.device != "cuda":
            return None
        import torch

        return int(torch.cuda.max_memory_allocated())


def time_to_reach(points: Sequence[dict[str, float]], goal: float) -> float | None:
    """Seconds after which PSNR on black first reached ``goal``, from scores in the order they were made.

    Between two scores of one training, time is interpolated; a training starts where seconds fall. None: never reached.
    """
    best: float | None = None
    for index, point in enumerate(points):
        if point["psnr_black"] < goal:
            continue
        reached = point["seconds"]
        former = points[index - 1] if index else None
        if former is not None and former["seconds"] < point["seconds"] and former["psnr_black"] < goal:
            share = (goal - former["psnr_black"]) / (point["psnr_black"] - former["psnr_black"])
            reached = former["seconds"] + share * (point["seconds"] - former["seconds"])
        best = reached if best is None else min(best, reached)
    return best


def _at_size(camera: Any, width: int, height: int) -> Any:
    """The same view filling another format: focal length by height, optical axis in the middle."""
    import dataclasses

    scale = height / camera.height
    return dataclasses.replace(
        camera, width=width, height=height, fx=camera.fx * scale, fy=camera.fy * scale, cx=width / 2, cy=height / 2
    )


def _checkpoints(budget: float) -> Iterator[float]:
    seconds = FIRST_CHECKPOINT
    while seconds < budget / CHECKPOINT_FACTOR**0.5:
        yield seconds
        seconds *= CHECKPOINT_FACTOR


def _summarise(runs: list[dict[str, Any]], budgets: Sequence[float]) -> dict[str, Any]:
    """Medians over seeds, with the lowest and highest where there are several."""
    rows = []
    for budget in budgets:
        ends = [run["budgets"][budget] for run in runs]
        row: dict[str, Any] = {"budget": budget}
        row |= {field: statistics.median(end[field] for end in ends) for field in ends[0]}
        if len(ends) > 1:
            row["psnr_black_spread"] = [min(e["psnr_black"] for e in ends), max(e["psnr_black"] for e in ends)]
        rows.append(row)
    times = [run["seconds_to_34db"] for run in runs]
    reached = [seconds for seconds in times if seconds is not None]
    return {
        "budgets": rows,
        "seconds_to_34db": statistics.median(reached) if len(reached) == len(times) else None,
        "steps_per_second": rows[-1]["step"] / rows[-1]["seconds"],
    }


def _describe(
    options: argparse.Namespace, train: Sequence[View], test: Sequence[View], preset: str, device: str
) -> dict[str, Any]:
    from engine.machine import device_name, versions

    camera = train[0].camera
    return {
        "device": device,
        "device_name": device_name(device),
        "versions": versions(),
        "dataset": options.dataset.resolve().name,
        "size": [camera.width, camera.height],
        "train_views": len(train),
        "test_views": len(test),
        "preset": preset,
        "seed": options.seed,
    }


def _print_table(result: dict[str, Any]) -> None:
    print(f"{result['dataset']} {result['size'][0]}x{result['size'][1]} on {result['device_name']}")
    print("seconds    step   PSNR black   PSNR white")
    for row in result["budgets"]:
        print(f"{row['seconds']:7.1f}  {row['step']:6.0f}   {row['psnr_black']:7.2f} dB   {row['psnr_white']:7.2f} dB")
    reached = result["seconds_to_34db"]
    print(f"time to {GOAL_DB:g} dB: " + ("not reached" if reached is None else f"{reached:.1f} s"))
    print(f"{result['steps_per_second']:.1f} steps/s, {result['samples_per_step']} samples a step")
    for size, milliseconds in result["frame_ms"].items():
        print(f"{size}: {milliseconds:.1f} ms a frame")
    print(f"start-up {result['startup_seconds']:.1f} s")


def _budgets(text: str) -> list[float]:
    return sorted({positive_seconds(part) for part in text.split(",")})


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
