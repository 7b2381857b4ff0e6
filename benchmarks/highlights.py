"""What learning scene-linear light costs or gains at highlights, against 8-bit pictures; kept in benchmarks/results/.

    python -m benchmarks.highlights demo/hashlight-demo.hashlight/capture [--device cpu] [--steps 2000] [--seeds 3]

The same views twice: as captured, and clipped at 1 and rounded to 8-bit sRGB as a PNG would hold them. Same seeds, same
number of steps. A highlight is a pixel of a held-out view whose brightest channel is above 1. PSNR is display-referred,
so that both can reach it; the light itself is compared in scene-linear values. All that again with a longer exposure:
what is bright in a well exposed picture is a few tiny reflections, in an overexposed one whole surfaces.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import describe, write_result
from benchmarks.trainings import begin_training, train_steps
from engine.cli.arguments import add_device
from engine.data.color import premultiply, to_uint8
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.data.views import View
from engine.evaluation.evaluate import truth_on
from engine.link.color import encode_srgb
from engine.link.scoring import psnr
from engine.training.trainer import Trainer
from taichi_kernels.runtime import choose_device

STEPS = {"cpu": 2000, "cuda": 8000}
# In stops: each doubles all light.
EXPOSURES = (0, 2)


class HighlightsError(RuntimeError):
    """A capture in which highlights can't be measured; the message says why."""


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    add_device(parser)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    device = choose_device(options.device)
    dataset = load_dataset(options.dataset)
    if dataset.color_space != "linear" or not dataset.test:
        raise HighlightsError(f"{options.dataset}: a scene-linear capture with held-out views is needed")
    if not any(find_highlights(view).any() for view in dataset.test):
        raise HighlightsError(f"{options.dataset}: no held-out pixel is brighter than 1")
    steps = options.steps or STEPS[device]
    seeds = range(options.seeds)
    rows = [row for stops in EXPOSURES for row in measure(expose(dataset, stops), stops, device, steps, seeds)]
    result = describe(options.dataset, dataset, device) | {
        "steps": steps,
        "seeds": options.seeds,
        "runs": rows,
    }
    write_result("highlights", result)
    return 0


def measure(dataset: Dataset, stops: int, device: str, steps: int, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Medians and spreads over ``seeds`` for both kinds of pictures."""
    masks = [find_highlights(view) for view in dataset.test]
    rows = []
    for name, variant in (("scene-linear", dataset), ("8-bit sRGB", to_8_bit(dataset))):
        runs = []
        for seed in seeds:
            trainer = train_steps(begin_training(variant, device, seed=seed), steps)
            runs.append(score(trainer, variant.test, dataset.test, masks))
            figures = ", ".join(f"{key} {value:.3f}" for key, value in runs[-1].items())
            print(f"{stops:+d} stops, {name}, seed {seed}: {figures}", flush=True)
        row: dict[str, Any] = {"pictures": name, "stops": stops}
        row["highlight_share"] = float(np.mean([mask.mean() for mask in masks]))
        row |= {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        row |= {f"{key}_spread": [min(run[key] for run in runs), max(run[key] for run in runs)] for key in runs[0]}
        rows.append(row)
    return rows


def expose(dataset: Dataset, stops: int) -> Dataset:
    """The same pictures with all light times 2**stops."""
    train, test = ([_expose_view(view, stops) for view in views] for views in (dataset.train, dataset.test))
    return dataclasses.replace(dataset, train=train, test=test)


def _expose_view(view: View, stops: int) -> View:
    color = view.color.astype(np.float32)
    color[..., :3] = np.minimum(color[..., :3] * 2.0**stops, np.finfo(np.float16).max)
    return dataclasses.replace(view, color=color.astype(np.float16))


def to_8_bit(dataset: Dataset) -> Dataset:
    """The same pictures as 8-bit sRGB with straight alpha."""
    train, test = ([convert(view) for view in views] for views in (dataset.train, dataset.test))
    return dataclasses.replace(dataset, color_space="srgb", train=train, test=test)


def convert(view: View) -> View:
    """A scene-linear ``view`` clipped at 1, encoded and rounded."""
    color = view.color.astype(np.float32)
    alpha = color[..., 3:]
    straight = color[..., :3] / np.maximum(alpha, 1e-6)
    pixels = to_uint8(np.concatenate([encode_srgb(straight), alpha], axis=-1))
    return dataclasses.replace(view, color=pixels, color_space="srgb")


def find_highlights(view: View) -> np.ndarray:
    """Pixels [H, W] bool of a scene-linear ``view`` whose brightest channel is above 1."""
    return view.color[..., :3].max(axis=-1) > 1.0


def score(
    trainer: Trainer, own: Sequence[View], linear: Sequence[View], masks: Sequence[np.ndarray]
) -> dict[str, float]:
    """PSNR on black (dB) over all pixels (mean over views) and over all highlights together, and the highlights' mean
    relative error in scene-linear light. ``own``: held-out views in the field's colour space; ``linear``: as captured.
    """
    renderer = trainer.primitive.viewer()
    everywhere, squares, errors = [], [], []
    for view, captured, mask in zip(own, linear, masks, strict=True):
        picture = renderer.render(view.camera)
        shown, truth = picture.to_srgb(0.0).cpu().numpy(), truth_on(view, "black")
        everywhere.append(psnr(shown, truth))
        squares.append(((shown - truth)[mask] ** 2).reshape(-1))
        light = picture.to_scene_linear()[0].astype(np.float32)[..., :3][mask]
        wanted = premultiply(captured.color, "linear")[..., :3][mask]
        errors.append((np.abs(light - wanted) / wanted)[wanted > 1.0])
    return {
        "psnr": float(np.mean(everywhere)),
        "highlight_psnr": float(-10.0 * np.log10(np.mean(np.concatenate(squares), dtype=np.float64))),
        "light_error": float(np.mean(np.concatenate(errors))),
    }


if __name__ == "__main__":
    sys.exit(main())
