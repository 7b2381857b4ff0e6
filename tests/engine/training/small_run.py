"""A field and a run so small that hundreds of steps take seconds."""

from __future__ import annotations

from typing import Any

from engine.data.views import View
from engine.evaluation.evaluate import mean_psnr
from engine.link.messages import ColorSpace
from engine.primitives.radiance_field.config import RadianceFieldConfig
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer
from tests.scenes import sphere_bounds

SMALL = {
    "samples_per_step": 4096,
    "max_rays_per_step": 4096,
    "max_samples_per_ray": 128,
    "march_steps": 128,
    "occupancy_resolution": 32,
    "field.levels": 6,
    "field.log2_table_size": 14,
    "field.max_resolution": 128,
}


def small_config(**overrides: Any) -> RadianceFieldConfig:
    return choose_preset("cpu", "cpu", SMALL | overrides)


def make_trainer(device: str, color_space: ColorSpace, views: list[View], **overrides: Any) -> Trainer:
    """A trainer of the sphere's bounds that holds ``views``."""
    trainer = Trainer(make_primitive(small_config(**overrides), sphere_bounds(), color_space, device))
    for view in views:
        trainer.primitive.add(view)
    return trainer


def train(trainer: Trainer, steps: int) -> Trainer:
    """Train for a budget of ``steps`` more."""
    trainer.set_budget(None, trainer.step_count + steps)
    TrainingLoop(trainer).run()
    return trainer


def psnr_of(trainer: Trainer, held_out: list[View]) -> float:
    """Mean held-out PSNR in dB on black, display-referred."""
    return mean_psnr(trainer.primitive.viewer(), held_out)["black"]
