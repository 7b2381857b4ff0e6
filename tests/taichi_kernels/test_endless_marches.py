"""Kernels end, whatever numbers they are given: one that doesn't can't be stopped."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from engine.link.geometry import Camera
from taichi_kernels.bundles import OccupancyBits, RayLimits, Rays, allocate_samples
from taichi_kernels.marching import march_rays
from taichi_kernels.rays import generate_camera_rays
from taichi_kernels.segment_marching import march_ray_segments
from taichi_kernels.stepping import MOST_STEPS, StepRule
from tests.engine.training.small_run import make_trainer
from tests.scenes import sphere_bounds, sphere_views

STEP = 3**0.5 / 128
RULES = {
    "even": StepRule.constant(STEP),
    "tiny": StepRule.constant(1e-12),
    "growing": StepRule(STEP / 8, 8 * STEP, 0.01),
    "growing, tiny": StepRule(1e-12, 2e-12, 1e-9),
    "nan": StepRule.constant(math.nan),
}
# Where a ray begins and how far it goes.
SPANS = [(0.0, 2.0), (1e6, 1e6 + 2.0), (1e9, 2e9), (0.0, 1e9), (math.nan, 1.0), (0.0, math.nan), (0.0, math.inf)]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("fill", [0, -1], ids=["empty", "full"])
def test_marches_end(device: str, rule: str, fill: int) -> None:
    n, capacity = len(SPANS), 4096
    rays_o = torch.full((n, 3), 0.5, device=device)
    rays_d = torch.tensor([[1.0, 0.0, 0.0]] * n, device=device)
    rays_d[-1] = math.nan
    rays, occupied = Rays(rays_o, rays_d, torch.tensor(SPANS, device=device)), OccupancyBits.allocate(16, 1, device)
    occupied.bits.fill_(fill)
    occupied.coarse_bits.fill_(fill)
    counter = torch.zeros(1, dtype=torch.int32, device=device)
    ray_samples = torch.zeros(n, 2, dtype=torch.int32, device=device)
    out = (counter, ray_samples, allocate_samples(capacity, device))
    ids = torch.arange(n, dtype=torch.int32, device=device)
    march_rays(ids, 64, RULES[rule], rays, occupied, *out)
    assert int(ray_samples[:, 1].max()) <= 64
    counter.zero_()
    marks = torch.zeros(n, 8, dtype=torch.int32, device=device)
    rays.t_range = torch.tensor(SPANS, device=device)
    march_ray_segments(marks, 64, RULES[rule], rays, occupied, *out)
    assert int(ray_samples[:, 1].max()) <= 64


@pytest.mark.parametrize("position", [1e5, 1e6, 1e9, 1e30, math.inf, math.nan])
def test_no_ray_is_longer_than_the_unit_cube(device: str, position: float) -> None:
    camera = torch.zeros(1, 21, device=device)
    camera[0, [0, 5, 10]] = 1.0
    camera[0, 11] = position
    camera[0, 12:16] = torch.tensor([1e6, 1e6, 2.0, 2.0])
    limits = RayLimits(torch.tensor([[0.0] * 3, [1.0] * 3], device=device), 1.0)
    rays = Rays.allocate(16, device)
    generate_camera_rays(0, 4, camera, limits, rays, torch.zeros(16, device=device))
    length = (rays.t_range[:, 1] - rays.t_range[:, 0]).cpu()
    assert not (length > 1.75 + 1e-6 * abs(position)).any()


def test_a_count_of_steps_ends_too() -> None:
    for rule in RULES.values():
        if not math.isnan(rule.smallest):
            assert rule.count_between(0.0, 1.8) <= MOST_STEPS + 1


@pytest.mark.parametrize("distance", [1e4, 1e7])
def test_a_camera_far_away_trains_and_renders(device: str, distance: float) -> None:
    view = sphere_views(1, 16)[0]
    pose = view.camera.camera_to_world.copy()
    center = sphere_bounds().center
    pose[:3, 3] = center + (pose[:3, 3] - center) * distance
    camera = Camera(pose, 16, 16, 24.0 * distance, 24.0 * distance, 8.0, 8.0)
    trainer = make_trainer(device, "linear", sphere_views(2, 16))
    trainer.primitive.add(dataclasses.replace(view, name="far", camera=camera, depth=None))
    for _ in range(3):
        trainer.step()
    assert np.isfinite(trainer.primitive.viewer().render(camera).color.cpu().numpy()).all()
