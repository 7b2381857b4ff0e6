"""Views that come again: the same ones change nothing, others take nothing with them but their own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from engine.data.views import View
from engine.link.geometry import Camera
from engine.primitives import memory
from engine.primitives.memory import MemoryShortage
from engine.primitives.radiance_field import pixel_store
from engine.sampling import occupancy_grid
from engine.training.trainer import Trainer
from tests.engine.training.small_run import make_trainer
from tests.scenes import sphere_views


def _mirrored(view: View) -> View:
    assert view.depth is not None
    color, depth = (np.ascontiguousarray(pixels[:, ::-1]) for pixels in (view.color, view.depth))
    return dataclasses.replace(view, color=color, depth=depth)


def _count_looks(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> list[Camera]:
    """A list that grows with each picture that is carved with."""
    looks: list[Camera] = []
    look = trainer.primitive.sampler.grid.look

    def counted(camera: Camera, *rest: torch.Tensor | None) -> torch.Tensor:
        looks.append(camera)
        return look(camera, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer.primitive.sampler.grid, "look", counted)
    return looks


@pytest.mark.parametrize("error_share", [0.0, 0.5])
def test_the_same_view_again_changes_nothing(device: str, monkeypatch: pytest.MonkeyPatch, error_share: float) -> None:
    views = sphere_views(4, 24)
    views[2] = dataclasses.replace(views[2], depth=None)
    trainer = make_trainer(device, "linear", views, error_share=error_share)
    trainer.step()
    before = {name: tensor.clone() for name, tensor in trainer.state().items()}
    looks = _count_looks(trainer, monkeypatch)
    for view in views:
        trainer.primitive.add(dataclasses.replace(view, color=view.color.copy()))
    assert looks == [] and trainer.primitive.pixels._spans.end == 4 * 24 * 24
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.state().items())


@pytest.mark.parametrize("count", [3, 12])
def test_another_picture_costs_one_look_however_many_views_there_are(
    device: str, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    views = sphere_views(count, 24)
    trainer = make_trainer(device, "linear", views)
    looks = _count_looks(trainer, monkeypatch)
    trainer.primitive.add(_mirrored(views[1]))
    assert len(looks) == 1
    turned = dataclasses.replace(views[2], camera=dataclasses.replace(views[2].camera, fx=30.0))
    trainer.primitive.add(turned)
    assert len(looks) == 2, "another camera is another view, too"
    expected = make_trainer(device, "linear", [views[0], _mirrored(views[1]), turned, *views[3:]])
    assert torch.equal(trainer.primitive.sampler.grid.flags, expected.primitive.sampler.grid.flags)
    assert trainer.primitive.sampler.grid.candidate_count == expected.primitive.sampler.grid.candidate_count


def test_another_picture_costs_hardly_more_than_a_new_one(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the cells that kernels visit, which is what takes the time."""
    visits = 0

    def counted(kernel: Callable[..., None], cells: int) -> Callable[..., None]:
        def count(*arguments: object) -> None:
            nonlocal visits
            visits += cells
            kernel(*arguments)

        return count

    first, *views = sphere_views(5, 24)
    trainer = make_trainer(device, "linear", views, cascades=4)
    a_cascade = trainer.primitive.config.occupancy_resolution**3
    for name, cells in (("carve_view", a_cascade), ("count_views", 4 * a_cascade), ("pack_bits", 4 * a_cascade)):
        monkeypatch.setattr(occupancy_grid, name, counted(getattr(occupancy_grid, name), cells))
    trainer.primitive.add(first)
    to_add, visits = visits, 0
    trainer.primitive.add(_mirrored(first))
    assert 0 < visits <= 1.5 * to_add


def test_what_a_view_said_is_kept_in_half_a_byte_a_cell(device: str) -> None:
    trainer = make_trainer(device, "linear", sphere_views(3, 24), cascades=2)
    kept = trainer.primitive.sampler.grid._marks.values()
    assert [marks.nbytes for marks in kept] == 3 * [trainer.primitive.sampler.grid.flags.shape[0] // 2]
    assert trainer.primitive.sampler.grid.view_bytes == trainer.primitive.sampler.grid.flags.shape[0] // 2


def test_with_several_cascades_too(device: str) -> None:
    views = sphere_views(4, 24)
    trainer = make_trainer(device, "linear", views, cascades=3)
    trainer.primitive.add(_mirrored(views[1]))
    expected = make_trainer(device, "linear", [views[0], _mirrored(views[1]), *views[2:]], cascades=3)
    assert torch.equal(trainer.primitive.sampler.grid.flags, expected.primitive.sampler.grid.flags)


def test_after_a_resume_another_picture_counts_with_those_that_have_come(device: str) -> None:
    views = sphere_views(4, 24)
    saved = {name: tensor.clone() for name, tensor in make_trainer(device, "linear", views).state().items()}
    trainer = make_trainer(device, "linear", [])
    trainer.load_state(saved)
    for view in views:
        trainer.primitive.add(view)
    assert torch.equal(trainer.primitive.sampler.grid.flags, saved["occupancy.flags"])
    trainer.primitive.add(_mirrored(views[0]))
    expected = make_trainer(device, "linear", [_mirrored(views[0]), *views[1:]])
    assert torch.equal(trainer.primitive.sampler.grid.flags, expected.primitive.sampler.grid.flags)


@pytest.mark.parametrize("error_share", [0.0, 0.5])
def test_replaced_pixels_are_free_again(device: str, error_share: float) -> None:
    trainer = make_trainer(device, "linear", sphere_views(3, 16), error_share=error_share)
    for index in range(60):
        size = (20, 33, 16, 28)[index % 4]
        for name in ("v000", "v002"):
            view = {view.name: view for view in sphere_views(3, size)}[name]
            trainer.primitive.add(view)
        trainer.step()
    pixels = trainer.primitive.pixels
    assert pixels._spans.end <= 4 * 33 * 33 and pixels.colors.shape[0] == 1 << 20
    if pixels.errors is not None:
        assert pixels.errors.tile_count == sum(math.ceil(side / 8) ** 2 for side in pixels.images[:3, 1].tolist())
    for view in sphere_views(3, 28):
        if view.name != "v001":
            stored = pixels.picture(view.name)
            assert np.array_equal(stored.colors.cpu().numpy(), view.color)
    expected = [{view.name: view for view in sphere_views(3, size)}[f"v00{i}"] for i, size in enumerate((28, 16, 28))]
    assert torch.equal(
        trainer.primitive.sampler.grid.flags, make_trainer(device, "linear", expected).primitive.sampler.grid.flags
    )


def test_a_view_that_cannot_be_carved_with_is_not_trained_on(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = sphere_views(2, 16)
    trainer = make_trainer(device, "linear", [first])
    before = trainer.primitive.sampler.grid.flags.clone()

    def fail(*_: object) -> torch.Tensor:
        raise RuntimeError("no")

    monkeypatch.setattr(trainer.primitive.sampler.grid, "_footprints", fail)
    for view in (second, _mirrored(first)):
        with pytest.raises(RuntimeError):
            trainer.primitive.add(view)
    assert trainer.primitive.pixels.names == ["v000"] and torch.equal(trainer.primitive.sampler.grid.flags, before)
    assert np.array_equal(trainer.primitive.pixels.picture("v000").colors.cpu().numpy(), first.color)


@pytest.mark.parametrize("focal", [1e-6, 1e9])
def test_any_focal_length_that_a_camera_may_have_can_be_trained_on(device: str, focal: float) -> None:
    view = sphere_views(1, 16)[0]
    trainer = make_trainer(device, "linear", sphere_views(2, 16)[1:])
    trainer.primitive.add(
        dataclasses.replace(view, name="odd", camera=dataclasses.replace(view.camera, fx=focal, fy=focal))
    )
    trainer.step()
    assert (
        trainer.primitive.pixels.names == ["v001", "odd"]
        and torch.isfinite(trainer.primitive.field.encoding.table.values).all()
    )


def test_too_little_memory_is_told_before_it_is_taken(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_store, "_INITIAL_PIXELS", 300)
    first, second = sphere_views(2, 16)
    trainer = make_trainer(device, "linear", [first], occupancy_resolution=16)
    monkeypatch.setattr(memory, "free_memory", lambda device: 1000)
    with pytest.raises(MemoryShortage, match=r"view v001: the pixels of all views need .* use fewer or smaller views"):
        trainer.primitive.add(second)
    assert trainer.primitive.pixels.names == ["v000"] and trainer.primitive.pixels._spans.end == 256
    trainer.step()
    monkeypatch.setattr(memory, "free_memory", lambda device: 520 * 12)  # not twice as many, but enough
    trainer.primitive.add(second)
    assert trainer.primitive.pixels.colors.shape[0] == 512
    with pytest.raises(MemoryShortage, match="these settings need"):
        make_trainer(device, "linear", [])
