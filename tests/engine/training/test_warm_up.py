"""Kernels are compiled before the first data is there, on a second trainer, and without one where memory is short."""

from __future__ import annotations

import pytest
import torch

from engine.primitives import memory
from engine.rendering.viewer import warm_up
from tests.engine.training.small_run import make_trainer
from tests.engine.training.textured_sphere import training_views


def test_warm_up_leaves_the_run_as_it_was(device: str) -> None:
    trainer = make_trainer(device, "linear", [])
    before = {name: tensor.clone() for name, tensor in trainer.state().items()}
    trainer.warm_up()
    warm_up(trainer.primitive.viewer())
    assert trainer.step_count == 0 and trainer.primitive.pixels.names == [] and trainer.training_seconds == 0.0
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.state().items())


def test_what_fits_alone_is_trained_without_a_warm_up(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(device, "linear", training_views("linear", with_depth=False, count=1, size=16))
    needed = trainer.primitive.config.needed_bytes(device)
    monkeypatch.setattr(memory, "free_memory", lambda device: needed - 1)
    monkeypatch.setattr(type(trainer.primitive), "scratch", lambda primitive: pytest.fail("there is no room for two"))
    trainer.warm_up()
    trainer.step()
    assert trainer.step_count == 1
