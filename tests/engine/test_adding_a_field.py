"""A field of a kind that the engine has never heard of: a module, its configuration, a line in the registry."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, ClassVar, Self

import pytest
import torch

from engine.evaluation.evaluate import mean_psnr
from engine.fields.autograd import AutogradField, RadianceModule
from engine.fields.base import SampledFieldConfig
from engine.link.values import Limits
from engine.primitives.radiance_field.field_kind import FieldKind
from engine.primitives.radiance_field.fields import FIELD_KINDS, choose_preset, make_primitive
from engine.primitives.radiance_field.hash_grid import HASH_GRID
from engine.primitives.radiance_field.occupancy_primitive import OccupancyPrimitive
from engine.runs import RunError, load_run, save_run
from engine.training.trainer import Trainer
from tests.scenes import sphere_bounds, sphere_views


@dataclasses.dataclass(frozen=True)
class VoxelConfig(SampledFieldConfig):
    """``side``: voxels along the cube."""

    kind: ClassVar[str] = "voxels"

    side: Annotated[int, Limits(2, 256)] = 16

    @property
    def summary(self) -> str:
        return f"{self.side}^3 voxels"

    def check(self) -> None: ...

    def fit(self, growth: float, finest: float) -> Self:
        return dataclasses.replace(self, side=round(self.side * growth))

    def build(self, device: str, seed: int) -> AutogradField:
        return AutogradField(Voxels(self.side), device)

    def needed_bytes(self, samples: int, device: str) -> int:
        return 64 * self.side**3 + AutogradField.needed_bytes(samples, 4, device)


class Voxels(RadianceModule):
    """Density and colour at the corners of a grid, interpolated; the same from all sides."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.grid = torch.nn.Parameter(torch.zeros(1, 4, side, side, side))

    def density(self, points: torch.Tensor) -> torch.Tensor:
        return self(points, points)[0]

    def forward(self, points: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        at = (2.0 * points - 1.0).view(1, -1, 1, 1, 3)
        values = torch.nn.functional.grid_sample(self.grid, at, align_corners=True).view(4, -1).T
        return values[:, 0], values[:, 1:]


VOXELS = FieldKind(
    {name: dataclasses.replace(preset, field=VoxelConfig()) for name, preset in HASH_GRID.presets.items()},
    VoxelConfig.kind,
    OccupancyPrimitive,
    {name: {} for name in HASH_GRID.presets},
)


def test_it_is_trained_rendered_saved_and_read(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = sphere_views(8, 32)
    with monkeypatch.context() as patch:
        patch.setitem(FIELD_KINDS, VOXELS.name, VOXELS)
        sampling = {"samples_per_step": 4096, "occupancy_resolution": 32, "learning_rate": 0.1}
        trainer = Trainer(
            make_primitive(choose_preset("cpu", device, sampling, "voxels"), sphere_bounds(), "linear", device)
        )
        for view in views:
            trainer.primitive.add(view)
        before = mean_psnr(trainer.primitive.viewer(), views[3:4])["black"]
        for _ in range(250):
            trainer.step()
        score = mean_psnr(trainer.primitive.viewer(), views[3:4])["black"]
        assert score > before + 5.0
        save_run(tmp_path / "run", trainer, {})
        run = load_run(tmp_path / "run", device)
        assert (
            run.info["primitive"]["field"] == "voxels"
            and mean_psnr(run.trainer.primitive.viewer(), views[3:4])["black"] == score
        )
    with pytest.raises(
        RunError, match=r"run\.json: primitive\.field: 'voxels' is not one of hash-grid, nerf, nerf-hierarchical"
    ):
        load_run(tmp_path / "run", device)
