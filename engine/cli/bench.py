"""``hashlight bench``: quality over training time, and the rates behind it.

Time is training time: start-up, loading and scoring don't count. Every budget is a training of its own, because the
learning rate falls towards the end that is set for it.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.arguments import add_device, add_field, add_holdout, add_preset
from engine.cli.training_benchmark import GOAL_DB, TrainingBenchmark
from engine.link.argument_types import picture_size, positive_number, whole_number

if TYPE_CHECKING:
    from engine.data.views import View
    from engine.primitives.radiance_field.config import RadianceFieldConfig

DEFAULT_BUDGETS = [1.0, 5.0, 15.0, 60.0]
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
    add_field(parser)
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
    from engine.data.selection import choose_evenly
    from engine.primitives.radiance_field.fields import choose_preset
    from taichi_kernels.runtime import choose_device

    device = choose_device(options.device)
    if not dataset.test:
        raise BenchError(f"{options.dataset}: no test views to score; --holdout 8 makes some")
    train = shrink_all(choose_evenly(dataset.train, options.views), options.size)
    test = shrink_all(choose_evenly(dataset.test, options.test_views), options.size)
    shown = dataclasses.replace(dataset, train=train)
    config = choose_preset(options.preset, device, shown.train_settings(), options.field)
    bench = TrainingBenchmark(config, dataset.bounds, train, test, device)
    description = _describe(options, train, test, config, device)
    for figures in bench.measure(options):
        result = description | figures
        if options.json is not None:
            write_json(options.json, result)
    _print_table(result)
    if options.json is not None:
        print(f"Written to {options.json}")
    return 0


def _describe(
    options: argparse.Namespace, train: Sequence[View], test: Sequence[View], config: RadianceFieldConfig, device: str
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
        "field": config.kind,
        "preset": config.preset,
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
    return sorted({positive_number(part) for part in text.split(",")})
