"""A primitive that the engine has never heard of: a voltage over times from 0 to 1, as a sum of weighted waves."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch

from engine.data.numpy_files import map_array
from engine.link.geometry import Bounds, Camera
from engine.link.message_types import Split, Tagged
from engine.link.metrics import Metric
from engine.link.values import Limits
from engine.optimizers.parameters import ParameterGroup
from engine.primitives.config import TrainConfig
from engine.primitives.item_primitive import Item, ItemPrimitive
from engine.primitives.kind import Kind, TrainingData
from engine.primitives.presets import Presets
from engine.rendering.renderer import RenderedImage


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SignalSpec(Tagged):
    kind: ClassVar[str] = "signal"
    waves: Annotated[int, Limits(1, 64)] = 8


@dataclasses.dataclass
class SignalViewer:  # the columns of a picture show the values, wherever its camera is
    weights: torch.Tensor  # [2 * waves, 1]
    color_space, bounds, frozen_bytes = "linear", Bounds(np.zeros(3), np.ones(3)), 0

    def waves(self, count: int) -> torch.Tensor:
        angles = torch.outer(torch.linspace(0, torch.pi, count), torch.arange(len(self.weights) / 2))
        return torch.cat([angles.sin(), angles.cos()], dim=1).to(self.weights.device)

    def render(self, camera: Camera, quality: str = "final") -> RenderedImage:
        rows = (self.waves(camera.width) @ self.weights).clamp(min=0.0).expand(camera.height, -1, 4)
        return RenderedImage(rows, rows[..., 0], "linear")

    def frozen(self, *, with_field: bool = True) -> "SignalViewer":
        return SignalViewer(self.weights.clone())


class Signal(ItemPrimitive[torch.Tensor]):
    def __init__(self, spec: SignalSpec, config: TrainConfig, device: str) -> None:
        self.weights = ParameterGroup.begin("weights", torch.zeros(2 * spec.waves, 1, device=device), torch.float32)
        super().__init__(spec, config, device, [self.weights])

    def viewer(self) -> SignalViewer:
        return SignalViewer(self.weights.values)

    def step(self, step: int, progress: float | None) -> bool:
        for recording in self.held("train"):
            waves = self.viewer().waves(len(recording.value))
            errors = waves @ self.weights.values - recording.value.to(self.device)
            self.weights.gradients += waves.T @ errors / len(errors)
        return True

    def score(self, viewer: SignalViewer, item: Item[torch.Tensor]) -> dict[str, float]:
        predicted = viewer.waves(len(item.value)) @ viewer.weights
        return {"mean_error": float((predicted - item.value.to(self.device)).abs().mean())}


class SignalKind(Kind[SignalSpec]):
    summary, item, spec_type, build = "a voltage over time", "recording", SignalSpec, staticmethod(Signal)
    metrics: ClassVar = {"mean_error": Metric(label="Mean error", unit="V", digits=4)}
    presets = Presets.alike(lambda name: TrainConfig(preset=name, weight_decay=0.0))

    def load(self, path: Path, *_: Any) -> TrainingData:
        return TrainingData(SignalSpec(), [self.read_file(path / f"{n}.npy", n, n) for n in ("train", "test")])

    def read_file(self, path: Path, name: str, split: Split) -> Item[torch.Tensor]:  # values [n, 1], volts
        return Item(name, split, torch.from_numpy(np.array(map_array(path), np.float32).T))


SIGNAL = SignalKind()
