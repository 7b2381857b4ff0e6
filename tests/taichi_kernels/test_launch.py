"""Kernels launched directly, and as with a release of Taichi whose inner calls aren't known: to the same effect."""

import dataclasses
import gc
import threading

import pytest
import taichi as ti
import torch
from taichi.lang.argpack import ArgPack

from taichi_kernels import launch, runtime
from taichi_kernels.launch import kernel, numbers_of, tensors_of
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


@dataclasses.dataclass(frozen=True, eq=False)
class _Line:
    """Points on a line, and where it goes through."""

    name: str
    slope: float
    xs: torch.Tensor
    first: int
    ys: torch.Tensor


_LineNumbers, _LineTensors = numbers_of(_Line), tensors_of(_Line)


@kernel
def _draw(scale: ti.f32, line: _LineNumbers, points: _LineTensors, shifts: ti.types.ndarray()):  # noqa: ANN202
    for i in range(line.first, points.xs.shape[0]):
        points.ys[i] = scale * line.slope * points.xs[i] + shifts[i]


@pytest.mark.parametrize("is_direct", [True, False])
def test_a_bundle_gives_a_kernel_its_numbers_and_its_tensors(
    device: str, is_direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "LAUNCHES_DIRECTLY", is_direct)
    runtime.start(device)
    shifts = torch.tensor([9.0, 9.0, 0.5, 0.25], device=device)
    for slope in (2.0, 3.0):  # the second launch is not compiled anew, and has tensors of its own
        line = _Line("a", slope, torch.arange(4.0, device=device), 2, torch.zeros(4, device=device))
        _draw(10.0, line, line, shifts)
        assert line.ys.tolist() == [0.0, 0.0, 20.0 * slope + 0.5, 30.0 * slope + 0.25]


def test_a_tensor_of_a_bundle_that_is_not_contiguous_is_named(device: str) -> None:
    runtime.start(device)
    line = _Line("a", 1.0, torch.arange(8.0, device=device)[::2], 0, torch.zeros(4, device=device))
    with pytest.raises(ValueError, match=r"_draw: points\.xs: the tensor is not contiguous"):
        _draw(1.0, line, line, torch.zeros(4, device=device))


def test_two_bundles_with_tensors_of_one_name_are_refused() -> None:
    def draw_twice(points: _LineTensors, others: _LineTensors) -> None:
        for i in range(points.xs.shape[0]):
            others.ys[i] = points.ys[i]

    with pytest.raises(TypeError, match="draw_twice: bundles with tensors of the same name among xs, ys, xs, ys"):
        kernel(draw_twice)


def test_packs_are_not_left_to_the_garbage_collector(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It frees in any thread, and CUDA lets none but the launching one."""
    freed_in = []

    def free(self: ArgPack) -> None:
        freed_in.append(threading.current_thread())

    monkeypatch.setattr(ArgPack, "__del__", free)
    runtime.start(device)
    line = _Line("flat", 2.0, torch.ones(3, device=device), 0, torch.zeros(3, device=device))
    double = kernel(_draw._kernel._primal.func)
    double(1.0, line, line, torch.zeros(3, device=device))
    collector = threading.Thread(target=gc.collect)
    collector.start()
    collector.join()
    assert collector not in freed_in
    assert line.ys.tolist() == [2.0] * 3
