"""What the Taichi path is measured against must be the same model doing the same steps."""

from __future__ import annotations

import pytest
import torch

from benchmarks.torch_trainer import Interpolate, TorchTrainer, interpolate_by_level
from engine.link.messages import ColorSpace
from taichi_kernels.twins.hash_grid import interpolate
from tests.engine.training.small_run import make_trainer
from tests.engine.training.textured_sphere import training_views


@pytest.fixture(scope="module", autouse=True)
def _only_on_the_cpu(device: str) -> None:
    if device != "cpu":
        pytest.skip("the comparison with torch is made on the CPU, and one process runs Taichi on one device")


@pytest.mark.parametrize("how", [interpolate, interpolate_by_level])
@pytest.mark.parametrize("color_space", ["srgb", "linear"])
def test_both_take_the_same_steps(color_space: ColorSpace, how: Interpolate) -> None:
    _compare_steps(color_space, how)


def test_so_they_do_where_pictures_show_a_part_of_the_bounds() -> None:
    """Lengths, depth's tolerance among them, are in units of that part."""
    _compare_steps("linear", interpolate_by_level, pixels_across=400.0, picture_side=100.0)


def _compare_steps(color_space: ColorSpace, how: Interpolate, **overrides: float) -> None:
    views = training_views(color_space, count=6, size=32)
    trainer = make_trainer("cpu", color_space, views, gradient_threshold=0.0, **overrides)
    for _ in range(14):
        trainer.step()
    twin = TorchTrainer(trainer, how)
    # The last of them refreshes the occupancy.
    for _ in range(2):
        twin.take_over()
        trainer.step()
        twin.step()
        assert twin.rays == trainer.primitive.sampler.ray_count
        assert twin.loss == pytest.approx(trainer.stats().loss, rel=1e-3)
        # A tenth of what a step moves. Where a gradient is all rounding, a row's first step may go either way.
        assert _typical_difference(twin.table, trainer.primitive.field.encoding.table.values) < 1e-3
        assert _typical_difference(twin.weights, trainer.primitive.field.networks.weights.values.view(-1)) < 1e-3
    assert trainer.step_count == 16
    assert _typical_difference(twin.densities, trainer.primitive.sampler.grid.densities) < 1e-3


def _typical_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Larger than all but a thousandth of the differences."""
    difference = (a - b).detach().abs().flatten().sort().values
    return float(difference[int(0.999 * len(difference))])


def test_what_it_does_not_know_is_refused() -> None:
    trainer = make_trainer("cpu", "srgb", [], cascades=2, gradient_threshold=0.0)
    with pytest.raises(ValueError, match="cascade"):
        TorchTrainer(trainer, interpolate_by_level)
