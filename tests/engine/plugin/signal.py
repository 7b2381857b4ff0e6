"""A primitive that the engine has never heard of: a signal over positions from 0 to 1, as a sum of weighted waves."""

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar

import numpy as np
import torch

from engine.data.numpy_files import map_array
from engine.link.geometry import Bounds
from engine.link.message_types import Split, Tagged
from engine.link.values import Limits
from engine.optimizers.parameters import ParameterGroup
from engine.primitives.base import Primitive, Scores
from engine.primitives.config import PRESET_NAMES, TrainConfig
from engine.primitives.kind import Kind, TrainingData
from engine.primitives.presets import Presets
from engine.rendering.renderer import RenderedImage


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SignalSpec(Tagged):
    kind: ClassVar[str] = "signal"
    waves: Annotated[int, Limits(1, 64)] = 8


class Signal(Primitive):  # and its own viewer: the columns of a picture show the values, wherever its camera is
    color_space, bounds, frozen_bytes = "linear", Bounds(np.zeros(3), np.ones(3)), 0

    def __init__(self, spec: SignalSpec, config: TrainConfig, device: str) -> None:
        self.spec, self.config, self.device, self.truth = spec, config, device, {"train": {}, "test": {}}
        self.weights = ParameterGroup.begin("weights", torch.zeros(2 * spec.waves, 1, device=device), torch.float32)

    def add(self, item: SimpleNamespace) -> None:
        self.truth[item.split][item.name] = torch.from_numpy(item.values.T).to(self.device)

    def predict(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        angles = torch.outer(torch.linspace(0, torch.pi, count), torch.arange(float(self.spec.waves))).to(self.device)
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        return waves, waves @ self.weights.values

    def step(self, step: int, progress: float | None) -> bool:
        for truth in self.truth["train"].values():
            waves, predicted = self.predict(len(truth))
            self.weights.gradients += waves.T @ (predicted - truth) / len(truth)
        return True

    def evaluate(self, viewer: Any, most: int | None = None) -> Iterator[Scores]:
        errors = {name: viewer.predict(len(truth))[1] - truth for name, truth in self.truth["test"].items()}
        scores = {name: {"mean_error": float(error.abs().mean())} for name, error in errors.items()}
        yield Scores({"mean_error": float(np.mean([score["mean_error"] for score in scores.values()]))}, scores)

    def render(self, camera: Any, quality: str = "final") -> RenderedImage:
        rows = self.predict(camera.width)[1].clamp(min=0.0).expand(camera.height, -1, 4)
        return RenderedImage(rows, rows[..., 0], "linear")

    items = property(lambda self: {name: split for split, held in self.truth.items() for name in held})
    is_ready = property(lambda self: bool(self.truth["train"]))
    parameters, viewer = lambda self: [self.weights], lambda self: self
    scratch = frozen = lambda self, **_: copy.deepcopy(self)


class SignalKind(Kind[SignalSpec]):
    spec_type, item, build = SignalSpec, "recording", staticmethod(Signal)
    presets = Presets({name: TrainConfig(preset=name, weight_decay=0.0) for name in PRESET_NAMES})

    def load(self, path: Path, *_: Any) -> TrainingData:
        return TrainingData(SignalSpec(), [self.read_file(path / f"{n}.npy", n, n) for n in ("train", "test")])

    def read_file(self, path: Path, name: str, split: Split) -> SimpleNamespace:
        return SimpleNamespace(name=name, split=split, values=np.array(map_array(path), np.float32))


SIGNAL = SignalKind()
