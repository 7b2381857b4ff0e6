"""How much sooner a capture trains with Blender's depth than without; kept in benchmarks/results/.

    python -m benchmarks.truth demo/hashlight-demo.hashlight/capture [--device cpu] [--seconds 60]

The same views, the same seed, the same process: once with alpha and depth, once with alpha alone. (Without alpha there
is nothing to compare: a subject before nothing is not a picture that a scene inside its bounds can give.) How right the
learnt depth is in the end is measured on the held-out views, where they have depth.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import describe, write_result
from benchmarks.step_stages import wait
from benchmarks.trainings import begin_training
from engine.cli.arguments import add_device
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.data.views import View
from engine.evaluation.evaluate import mean_psnr
from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer
from taichi_kernels.runtime import choose_device

TARGET = 30.0
# The first are a few steps in on a GPU, which reaches the target within a tenth of a second.
SCORES = 24


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    add_device(parser)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    device = choose_device(options.device)
    dataset = load_dataset(options.dataset)
    variants = {
        "alpha and depth": dataset.train,
        "alpha": [dataclasses.replace(view, depth=None) for view in dataset.train],
    }
    result = describe(options.dataset, dataset, device) | {
        "target_psnr": TARGET,
        "runs": [measure(dataset, views, truth, device, options.seconds) for truth, views in variants.items()],
    }
    write_result("truth", result)
    return 0


def measure(dataset: Dataset, views: Sequence[View], truth: str, device: str, seconds: float) -> dict[str, Any]:
    """Train for ``seconds`` and score on the way."""
    trainer = begin_training(dataset, device, views=views)
    trainer.warm_up()
    trainer.set_budget(seconds, None)
    loop = TrainingLoop(trainer)
    # Evenly spread in the logarithm: quality rises with it.
    moments = [seconds * 2.0 ** (-(SCORES - 1 - k) / 2) for k in range(SCORES)]
    scores: list[dict[str, Any]] = []
    for moment in moments:
        if trainer.training_seconds >= moment:
            # Less than a step after the one before.
            continue
        loop.run(functools.partial(_has_trained, trainer, moment))
        wait(device)
        psnr = mean_psnr(trainer.primitive.viewer(), dataset.test)["black"]
        scores.append({"seconds": trainer.training_seconds, "step": trainer.step_count, "psnr": psnr})
        print(f"{truth:16s}{trainer.training_seconds:8.2f} s {psnr:6.2f} dB", flush=True)
    shown = [scores[k] | {"seconds": round(moments[k], 2)} for k in (-9, -5, -1)]
    return {
        "truth": truth,
        "seconds_to_target": time_to(scores),
        "curve": scores,
        "scores": shown,
        "depth_error": measure_depth(trainer, dataset.test),
    }


def _has_trained(trainer: Trainer, seconds: float) -> bool:
    return trainer.training_seconds >= seconds


def measure_depth(trainer: Trainer, views: Sequence[View]) -> float | None:
    """Median error of depth where ``views`` show an opaque surface, as a share of the bounds' longest edge; None when
    they have no depth."""
    renderer, errors = trainer.primitive.viewer(), []
    for view in views:
        if view.depth is not None:
            found = renderer.render(view.camera).depth.cpu().numpy()
            is_surface = np.isfinite(view.depth) & np.isfinite(found) & (view.color[..., 3] > 0.999)
            errors.append(np.abs(found - view.depth)[is_surface])
    return float(np.median(np.concatenate(errors)) / max(trainer.primitive.bounds.size)) if errors else None


def time_to(scores: Sequence[dict[str, Any]]) -> float | None:
    """When the target was first reached, interpolated between two scores; None when it wasn't."""
    for former, score in zip([None, *scores], scores, strict=False):
        if score["psnr"] >= TARGET:
            if former is None:
                return float(score["seconds"])
            share = (TARGET - former["psnr"]) / (score["psnr"] - former["psnr"])
            return float(former["seconds"] + share * (score["seconds"] - former["seconds"]))
    return None


if __name__ == "__main__":
    sys.exit(main())
