"""Kernels launched directly, and as with a release of Taichi whose inner calls aren't known: to the same effect."""

from __future__ import annotations

import pytest
import torch

from taichi_kernels import launch
from tests.engine.training.small_run import make_trainer
from tests.engine.training.textured_sphere import training_views


def _learn(device: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """What a small run knows after a few steps, and a picture of it: nearly every kernel there is."""
    views = training_views("linear", count=4, size=24)
    trainer = make_trainer(
        device, "linear", views, max_rays_per_step=64
    )  # a GPU drops any that a batch has no room for
    for _ in range(18):  # past a refresh of the occupancy
        trainer.step()
    state = {name: tensor.clone() for name, tensor in trainer.state().items() if name != "trainer.progress"}
    return state, trainer.primitive.viewer().render(views[0].camera).color


def test_an_unknown_release_of_taichi_trains_and_renders_as_the_known_one(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert launch.LAUNCHES_DIRECTLY, "the release that constraints.txt installs"
    direct, picture = _learn(device)
    monkeypatch.setattr(launch, "LAUNCHES_DIRECTLY", False)
    public, other_picture = _learn(device)
    assert picture.std() > 0.01
    if device == "cpu":
        assert all(torch.equal(tensor, public[name]) for name, tensor in direct.items())
        torch.testing.assert_close(picture, other_picture, rtol=0, atol=1e-6)
    # A GPU adds gradients up in any order, which Adam's first steps make visible, here and there.
    assert (picture - other_picture).abs().mean() < 0.02
