"""The original NeRF with its own sampling: what it learns, and that a step leaves the device alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from engine.data.views import View
from engine.evaluation.evaluate import mean_psnr
from engine.fields.coarse_and_fine import CoarseAndFineConfig
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.training.trainer import Trainer
from taichi_kernels.activations import DENSITY_SCALE
from tests.device import TEST_DEVICE
from tests.engine.tiny_fields import TINY
from tests.scenes import sphere_bounds, sphere_views

KIND = "nerf-hierarchical"
VIEWS = sphere_views(12, 32)
HELD_OUT = [VIEWS[1], VIEWS[5], VIEWS[9]]


def _trainer(device: str, views: list[View]) -> Trainer:
    config = choose_preset("cpu", device, TINY[KIND], KIND)
    trainer = Trainer(make_primitive(config, sphere_bounds(), "linear", device))
    for view in views:
        trainer.primitive.add(view)
    return trainer


def test_it_learns_views_that_it_has_not_seen_and_where_things_are(device: str) -> None:
    trainer = _trainer(device, [view for view in VIEWS if view not in HELD_OUT])
    renderer = trainer.primitive.viewer()
    assert mean_psnr(renderer, HELD_OUT)["black"] < 10.0
    trainer.set_budget(None, 300)
    while not trainer.is_finished:
        trainer.step()
    assert mean_psnr(renderer, HELD_OUT)["black"] > 14.0  # 18 to 21 with three seeds
    picture, truth = renderer.render(HELD_OUT[0].camera), HELD_OUT[0]
    shown = (picture.color[..., 3] > 0.9).cpu().numpy() & (truth.color[..., 3] > 0.99) & np.isfinite(truth.depth)
    errors = picture.depth.cpu().numpy()[shown] / truth.depth[shown] - 1.0
    assert shown.sum() > 50 and np.median(np.abs(errors)) < 0.05
    assert torch.isinf(picture.depth[picture.color[..., 3] == 0.0]).all()


def test_a_masked_view_teaches_nothing(device: str) -> None:
    masked = dataclasses.replace(VIEWS[0], depth=np.full_like(VIEWS[0].depth, -np.inf))
    trainer = _trainer(device, [masked])
    before = trainer.primitive.field.weights.values.clone()
    for _ in range(3):
        trainer.step()
    assert trainer.stats().loss == 0.0 and torch.equal(trainer.primitive.field.weights.values, before)


def test_both_networks_learn_and_every_part_of_the_rays_counts(device: str) -> None:
    trainer = _trainer(device, VIEWS[:2])
    primitive = trainer.primitive
    gradients = []
    for parts in (1, 4):
        primitive._chunk = primitive.config.max_rays_per_step // parts
        primitive.step(7, None)
        gradients.append(primitive.field.weights.gradients.clone())
        primitive.field.weights.gradients.zero_()
    assert (gradients[0] - gradients[1]).norm() < 0.02 * gradients[0].norm()
    for half in gradients[0].chunk(2):
        assert half.any()


@pytest.mark.skipif(TEST_DEVICE != "cuda", reason="a CPU's work is done when it was asked for")
def test_a_step_does_not_wait_for_the_device(device: str) -> None:
    trainer = _trainer(device, VIEWS[:2])
    trainer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        trainer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("density", [1.0, DENSITY_SCALE])
def test_both_networks_begin_about_as_dense_as_they_are_told(density: float, device: str) -> None:
    field = CoarseAndFineConfig(layers=4, width=64, initial_density=density).build(device, seed=3)
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)).to(device)
    for network in (field.coarse, field.fine):
        found = DENSITY_SCALE * network.density(points).detach().float().exp()
        assert 0.5 * density < float(found.median()) < 2.0 * density
