"""What it brings through which point of its pixel a training ray goes, and where on it samples lie.

    python -m benchmarks.ray_sampling [--steps 600] [--seeds 2] [--no-result]

A pixel shows the mean over its area. Training's rays go through pixels' middles, the first sample of each lies anywhere
within a step, and its samples around all surfaces that were captured in the pixel and its eight neighbours
(``taichi_kernels/rays.py``). Here they also go through another point of their pixels in each step, or begin all alike,
or have samples around the one surface of their own pixel, or all along. The scene is that of
``benchmarks.ground_plane``, whose views are the mean of 3x3 rays a pixel; held-out views are rendered with one ray a
pixel and with four. The sphere's rim, where pixels show both it and the plane, is scored by itself.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.results import add_no_result, write_result
from engine.cli.arguments import add_device
from engine.data.color import composite_for_display
from engine.data.views import View
from engine.link.geometry import Bounds
from engine.link.messages import ColorSpace
from engine.link.scoring import psnr
from engine.link.view_settings import view_settings
from engine.machine import device_name, versions
from engine.primitives.radiance_field.fields import choose_preset
from engine.primitives.radiance_field.occupancy_config import OccupancyConfig
from engine.primitives.radiance_field.occupancy_primitive import OccupancyPrimitive
from engine.rendering.antialiasing import render_antialiased
from engine.rendering.viewer import Viewer
from engine.training.trainer import Trainer
from taichi_kernels.bundles import Rays
from taichi_kernels.random_numbers import RandomStream
from taichi_kernels.rays import WHOLE_SHARE
from taichi_kernels.runtime import choose_device
from taichi_kernels.stepping import StepRule
from taichi_kernels.torch_functions.random_numbers import uniform
from tests.engine.training.small_run import train
from tests.engine.training.sphere_on_plane import make_views, scene_bounds, show_sphere

SIZE, REACH, VIEWS, HELD_OUT = 128, 3.0, 24, 5
RAYS_A_PIXEL = (1, 4)
_RIM = 2  # pixels
_ALL_ALONG = 10.0  # lengths of the unit cube, in which all samples lie
_CENTER = slice(14, 16)  # cx and cy in a camera's row


class AnyPoint(OccupancyPrimitive):
    """In each step rays go through another point of their pixels."""

    def _draw_rays(self, count: int, rule: StepRule, step: int) -> Rays:
        cameras = self.pixels.cameras
        former = cameras.clone()
        point = uniform(self.config.seed, step, torch.arange(2, device=self.device), RandomStream.FINE_SAMPLE)
        cameras[:, _CENTER] += 0.5 - point
        try:
            return super()._draw_rays(count, rule, step)
        finally:
            cameras.copy_(former)


class NoJitter(OccupancyPrimitive):
    """Samples of a ray lie at the same places each time."""

    def _draw_rays(self, count: int, rule: StepRule, step: int) -> Rays:
        rays = super()._draw_rays(count, rule, step)
        indices = torch.arange(len(rays), device=self.device)
        rays.t_range[:, 0] -= rule.smallest * uniform(self.config.seed, step, indices, RandomStream.RAY_START)
        return rays


class AllAlong(OccupancyPrimitive):
    """Samples lie all along rays, wherever surfaces were captured."""

    def __init__(self, config: OccupancyConfig, bounds: Bounds, color_space: ColorSpace, device: str) -> None:
        super().__init__(config, bounds, color_space, device)
        self._margin = self.limits.depth_margin
        self.limits = dataclasses.replace(self.limits, depth_margin=_ALL_ALONG)


class OwnPixel(AllAlong):
    """Samples lie around the surface that was captured in a ray's own pixel: what else shows there doesn't count."""

    def _draw_rays(self, count: int, rule: StepRule, step: int) -> Rays:
        rays, seed = super()._draw_rays(count, rule, step), self.config.seed
        indices = torch.arange(len(rays), device=self.device)
        near, far = rays.t_range.unbind(1)
        surface = self._targets[: len(rays), 4]
        first = surface - self._margin + rule.smallest * uniform(seed, step, indices, RandomStream.RAY_START)
        is_captured = surface > 0.0
        is_cut = is_captured & (uniform(seed, step, indices, RandomStream.WHOLE_RAY) >= WHOLE_SHARE)
        near.copy_(torch.where(is_cut, torch.maximum(near, first), near))
        far.copy_(torch.where(is_captured, torch.minimum(far, surface + self._margin), far))
        return rays


WAYS = {
    "pixels' middles, jittered starts, surfaces of 3x3 pixels": OccupancyPrimitive,
    "the same through any point of pixels": AnyPoint,
    "with starts alike": NoJitter,
    "around the surface of the pixel alone": OwnPixel,
    "all along rays": AllAlong,
}


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=2)
    add_device(parser)
    add_no_result(parser)
    options = parser.parse_args()
    device = choose_device(options.device)
    rows = [measure(device, way, options.steps, options.seeds) for way in WAYS]
    if not options.no_result:
        head = {"dataset": "sphere", "size": [SIZE, SIZE], "device_name": device_name(device), "versions": versions()}
        write_result("rays", head | {"steps": options.steps, "seeds": options.seeds, "rows": rows})
    return 0


def measure(device: str, way: str, steps: int, seeds: int) -> dict[str, Any]:
    """PSNR in held-out views by rays a pixel, of the sphere and of its rim: the mean over seeds."""
    bounds, views = scene_bounds(REACH), make_views(REACH, SIZE, VIEWS)
    held_out = make_views(REACH, SIZE, HELD_OUT, "test")
    settings = view_settings([view.camera for view in views], bounds)
    scores: dict[int, list[tuple[float, float]]] = {rays: [] for rays in RAYS_A_PIXEL}
    for seed in range(seeds):
        config = choose_preset("auto", device, settings | {"seed": seed})
        trainer = Trainer(WAYS[way](config, bounds, "linear", device))
        for view in views:
            trainer.primitive.add(view)
        train(trainer, steps)
        for rays, found in scores.items():
            found.append(score(trainer.primitive.viewer(), held_out, rays))
    means = {rays: [statistics.fmean(each) for each in zip(*found, strict=True)] for rays, found in scores.items()}
    row = {
        "way": way,
        "subject_psnr": {str(rays): mean[0] for rays, mean in means.items()},
        "rim_psnr": {str(rays): mean[1] for rays, mean in means.items()},
    }
    print(row, flush=True)
    return row


def score(viewer: Viewer, views: Sequence[View], rays: int) -> tuple[float, float]:
    """Mean PSNR of the sphere's pixels and of its rim's, rendered with so many ``rays`` a pixel."""
    figures = []
    for view in views:
        picture = render_antialiased(viewer, view.camera, rays).color.cpu().numpy()
        found, truth = (composite_for_display(color, "linear", "black") for color in (picture, view.color))
        inner = show_sphere(view)
        figures.append((psnr(found, truth, inner), psnr(found, truth, widen(inner, _RIM) & ~inner)))
    return statistics.fmean(inner for inner, _ in figures), statistics.fmean(rim for _, rim in figures)


def widen(mask: np.ndarray, pixels: int) -> np.ndarray:
    """``mask`` [H, W] and what is so many ``pixels`` beside, above or below it."""
    for _ in range(pixels):
        mask = mask | np.logical_or.reduce([np.roll(mask, shift, axis) for axis in (0, 1) for shift in (-1, 1)])
    return mask


if __name__ == "__main__":
    sys.exit(main())
