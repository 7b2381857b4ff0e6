"""Trainings of radiance fields as benchmarks make them: the preset of the device, all views at hand from the start."""

from __future__ import annotations

from collections.abc import Sequence

from engine.data.dataset import Dataset
from engine.data.views import View
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive
from engine.priors.first_weights import FirstWeights
from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer


def begin_training(
    dataset: Dataset,
    device: str,
    *,
    seed: int = 0,
    views: Sequence[View] | None = None,
    first: FirstWeights | None = None,
) -> Trainer[RadianceFieldPrimitive]:
    """A trainer that has the training views of ``dataset``, or ``views`` instead, and has done no step; it begins with
    ``first``, if there is any."""
    settings = dataset.train_settings() | {"seed": seed} | ({} if first is None else first.settings)
    config = choose_preset("auto", device, settings)
    trainer = Trainer(make_primitive(config, dataset.bounds, dataset.color_space, device))
    if first is not None:
        first.begin(trainer.primitive)
    for view in dataset.train if views is None else views:
        trainer.primitive.add(view)
    return trainer


def train_steps(trainer: Trainer[RadianceFieldPrimitive], steps: int) -> Trainer[RadianceFieldPrimitive]:
    """Train for a budget of ``steps``."""
    trainer.set_budget(None, steps)
    TrainingLoop(trainer).run()
    return trainer
