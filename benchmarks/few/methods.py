"""What is compared: each shows a scene by the views at hand. METHODS is the one place that lists them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.few.data import MOST_KNOWN, PROCEDURAL, PROCEDURAL_FIRST
from benchmarks.few.points import Points
from benchmarks.trainings import begin_training
from benchmarks.view_scores import Show, showing
from engine.data.color import composite_for_display, premultiply
from engine.data.dataset import Dataset
from engine.data.views import View
from engine.device import PROFILES
from engine.fields.pixel_nerf import PixelNerfConfig
from engine.link.color import decode_srgb
from engine.link.geometry import Camera
from engine.primitives.radiance_field.conditioned_primitive import ConditionedPrimitive
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.primitives.radiance_field.hash_grid import HASH_GRID
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive
from engine.priors.first_weights import FirstWeights
from engine.priors.weights import Prior, load_prior
from engine.training.loop import TrainingLoop
from engine.training.trainer import Trainer

FEW, MANY = (1, 2, 3, 8), (50, 100)
# Of training on each of several scenes: minutes would be hours.
_MOST_SECONDS = {PROCEDURAL: 0.0, PROCEDURAL_FIRST: 5.0}


@dataclasses.dataclass(frozen=True)
class Setup:
    """``prior``, and one trained as published, where there is one: files."""

    prior: Path
    published: Path | None
    device: str

    def file_of(self, method: Method) -> Path | None:
        """Which of the files decides what ``method`` shows."""
        return {"prior": self.prior, "published": self.published, None: None}[method.weights]


@dataclasses.dataclass(frozen=True)
class Method:
    """``show``: makes of a scene's training views what shows it. ``seconds``: of training. ``views``: with how many it
    is compared. ``weights``: which file it needs. ``needs_depth``: it does nothing without."""

    show: Callable[[Dataset, Setup], Show]
    views: tuple[int, ...] = FEW
    seconds: float = 0.0
    weights: str | None = None
    needs_depth: bool = False

    def applies(self, data: str, views: int, has_depth: bool, setup: Setup) -> bool:
        """Whether there is a row of it."""
        if views not in self.views or (self.needs_depth and not has_depth):
            return False
        if self.weights is not None and setup.file_of(self) is None:
            return False
        if data in _MOST_SECONDS:
            return views <= MOST_KNOWN and self.seconds <= _MOST_SECONDS[data]
        return True


def show_mean(scene: Dataset, setup: Setup) -> Show:
    """The mean colour of the views, everywhere."""
    color = np.mean([_display(view).mean(axis=(0, 1)) for view in scene.train], axis=0)
    color = decode_srgb(color) if scene.color_space == "linear" else color

    def show(camera: Camera) -> npt.NDArray[np.float32]:
        # Light that covers nothing, so that the subject's figure is about the subject.
        light = np.broadcast_to([*color, 0.0], (camera.height, camera.width, 4))
        return light.astype(np.float32)

    return show


def show_points(scene: Dataset, setup: Setup) -> Show:
    """The points that the views have captured, gaps filled."""
    return Points.of(scene.train).draw


def show_prior(scene: Dataset, setup: Setup) -> Show:
    """What the prior makes of the views."""
    return _show_by(setup.prior, scene, setup.device)


def show_published(scene: Dataset, setup: Setup) -> Show:
    """The same of weights that were learnt as published: without depth, by the plain mean over views."""
    assert setup.published is not None
    known = [dataclasses.replace(view, depth=None) for view in scene.train]
    return _show_by(setup.published, dataclasses.replace(scene, train=known), setup.device)


def show_grid(scene: Dataset, setup: Setup, seconds: float) -> Show:
    """A hash grid that learns from the views alone, with all the truth that they have."""
    return _train(begin_training(scene, setup.device), seconds)


def show_warm_start(scene: Dataset, setup: Setup, seconds: float) -> Show:
    """The same, guided by the prior as long as there are few views."""
    assert HASH_GRID.prior_use is not None
    first = FirstWeights.of_prior(HASH_GRID.prior_use, functools.partial(read_prior, setup.prior))
    return _train(begin_training(scene, setup.device, first=first), seconds)


def begin_by(prior: Prior, scene: Dataset, device: str) -> ConditionedPrimitive:
    """A run of ``scene`` that begins with ``prior``, without views so far."""
    config = choose_preset("auto", device, scene.train_settings() | prior.settings, PixelNerfConfig.kind)
    primitive = make_primitive(config, scene.bounds, scene.color_space, device)
    assert isinstance(primitive, ConditionedPrimitive)
    prior.load_into(primitive.field)
    return primitive


def _show_by(file: Path, scene: Dataset, device: str) -> Show:
    primitive = begin_by(read_prior(file), scene, device)
    for view in scene.train:
        primitive.add(view)
    return showing(primitive.viewer())


def _train(trainer: Trainer[RadianceFieldPrimitive], seconds: float) -> Show:
    trainer.warm_up()
    trainer.set_budget(seconds, None)
    TrainingLoop(trainer).run()
    PROFILES[trainer.primitive.device].wait()
    return showing(trainer.primitive.viewer())


def _grid(seconds: float, views: tuple[int, ...]) -> Method:
    return Method(functools.partial(show_grid, seconds=seconds), views, seconds)


def _warm_start(seconds: float, views: tuple[int, ...]) -> Method:
    return Method(functools.partial(show_warm_start, seconds=seconds), views, seconds, weights="prior")


METHODS: dict[str, Method] = {
    "mean": Method(show_mean),
    "points": Method(show_points, needs_depth=True),
    "published": Method(show_published, weights="published"),
    "prior": Method(show_prior, weights="prior"),
    "grid 1 s": _grid(1.0, MANY),
    "grid 5 s": _grid(5.0, FEW + MANY),
    "grid 15 s": _grid(15.0, MANY),
    "grid 60 s": _grid(60.0, FEW),
    "warm start 1 s": _warm_start(1.0, MANY),
    "warm start 5 s": _warm_start(5.0, FEW + MANY),
    "warm start 15 s": _warm_start(15.0, MANY),
}

read_prior = functools.cache(load_prior)


def _display(view: View) -> npt.NDArray[np.float32]:
    shown: npt.NDArray[np.float32] = composite_for_display(
        premultiply(view.color, view.color_space), view.color_space, "black"
    )
    return shown
