"""A field that is conditioned on views: it learns each from others, and shows what there is from however many."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data.views import View
from engine.evaluation.evaluate import mean_psnr
from engine.primitives.base import NoDataError
from engine.primitives.config import ConfigError
from engine.primitives.radiance_field.conditioned_primitive import ConditionedPrimitive
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.runs import load_run, save_run
from engine.sampling.occupancy_grid import OccupancyGrid
from engine.training.trainer import Trainer
from taichi_kernels.twins.marching import is_occupied
from tests.engine.rendering.same_picture import assert_same_picture
from tests.engine.tiny_fields import TINY
from tests.scenes import CENTER, sphere_bounds, sphere_views

KIND = "pixelnerf"
VIEWS = sphere_views(12, 32)
HELD_OUT = [VIEWS[1], VIEWS[5], VIEWS[9]]


def _trainer(device: str, views: Sequence[View]) -> Trainer[ConditionedPrimitive]:
    config = choose_preset("cpu", device, TINY[KIND], KIND)
    trainer = Trainer(make_primitive(config, sphere_bounds(), "linear", device))
    for view in views:
        trainer.primitive.add(view)
    assert isinstance(trainer.primitive, ConditionedPrimitive)
    return trainer


def test_it_learns_to_show_views_that_it_has_not_seen_and_where_things_are(device: str) -> None:
    trainer = _trainer(device, [view for view in VIEWS if view not in HELD_OUT])
    renderer = trainer.primitive.viewer()
    before = mean_psnr(renderer, HELD_OUT)["black"]
    trainer.set_budget(None, 100)
    while not trainer.is_finished:
        trainer.step()
    assert mean_psnr(renderer, HELD_OUT)["black"] > max(before + 5.0, 15.0)  # 20
    picture, truth = renderer.render(HELD_OUT[0].camera), HELD_OUT[0]
    shown = (picture.color[..., 3] > 0.9).cpu().numpy() & (truth.color[..., 3] > 0.99) & np.isfinite(truth.depth)
    errors = picture.depth.cpu().numpy()[shown] / truth.depth[shown] - 1.0
    assert shown.sum() > 50 and np.median(np.abs(errors)) < 0.05


def test_a_view_is_learnt_from_others_and_never_from_itself(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    primitive = _trainer(device, VIEWS[:5]).primitive
    steps: list[list[int]] = []
    learning_from = primitive.field.learning_from

    @contextlib.contextmanager
    def record(views: Sequence[int]) -> Iterator[None]:
        steps.append(list(views))
        with learning_from(views):
            yield

    monkeypatch.setattr(primitive.field, "learning_from", record)
    shown, counts = set(), set()
    for step in range(30):
        primitive.step(step, None)
        origins = primitive._rays.first(primitive._last_rays).origins
        at = [primitive.pixels.cameras[row, [3, 7, 11]] for row in range(5)]
        (row,) = (row for row in range(5) if torch.equal(origins, at[row].expand_as(origins)))
        assert row not in steps[-1] and len(set(steps[-1])) == len(steps[-1])
        shown.add(row)
        counts.add(len(steps[-1]))
    assert shown == set(range(5)) and counts == {1, 2}


def test_which_views_a_step_learns_from_is_the_seeds_matter(device: str) -> None:
    one, two = (_trainer(device, VIEWS[:5]).primitive for _ in range(2))
    drawn = [one._draw_views(step) for step in range(10)]
    assert drawn == [two._draw_views(step) for step in range(10)] and len({str(each) for each in drawn}) > 5


def test_one_view_alone_is_shown_but_teaches_nothing(device: str) -> None:
    trainer = _trainer(device, [])
    nothing = trainer.primitive.viewer().render(VIEWS[0].camera)
    assert not nothing.color.any() and torch.isinf(nothing.depth).all()
    trainer.primitive.add(VIEWS[0])
    assert not trainer.primitive.is_ready
    with pytest.raises(NoDataError, match=r"^each view is learnt from others: add at least two before training$"):
        trainer.step()
    assert trainer.primitive.viewer().render(VIEWS[0].camera).color.any()
    trainer.primitive.add(VIEWS[1])
    assert trainer.primitive.is_ready
    trainer.step()


def test_where_anything_is_is_found_before_it_is_shown_and_again_for_each_further_view(device: str) -> None:
    trainer = _trainer(device, VIEWS[:2])
    trainer.set_budget(None, 60)
    while not trainer.is_finished:
        trainer.step()
    primitive = _trainer(device, []).primitive
    primitive.field.weights.values.copy_(trainer.primitive.field.weights.values)
    viewer, grid, camera = primitive.viewer(), primitive.sampler.grid, VIEWS[3].camera
    shown = []
    for view in VIEWS[:2]:
        primitive.add(view)
        shown.append(viewer.render(camera).color)
        marched = _count_marched(grid)
        assert 0 < marched < 0.9 * grid.candidate_count, "cells that hold nothing are marched through"
        found = grid.occupied.bits.clone()
        viewer.render(camera)
        assert torch.equal(grid.occupied.bits, found)
    assert (shown[1] - shown[0]).abs().max() > 0.01


def _count_marched(grid: OccupancyGrid) -> int:
    """How many cells are marched through."""
    points = torch.stack(torch.meshgrid(*[torch.arange(grid.resolution)] * 3, indexing="ij"), dim=-1).view(-1, 3)
    return int(is_occupied(grid.occupied.bits.cpu(), (points + 0.5) / grid.resolution, grid.resolution).sum())


def test_it_is_warmed_up_without_views(device: str) -> None:
    trainer = _trainer(device, [])
    trainer.warm_up()
    assert not trainer.primitive.is_ready and not len(trainer.primitive.field.sources)


def test_a_run_shows_the_same_without_its_views_and_takes_them_again_in_their_places(
    device: str, tmp_path: Path
) -> None:
    trainer = _trainer(device, VIEWS[:4])
    for _ in range(5):
        trainer.step()
    save_run(tmp_path / "run", trainer, {})
    again = load_run(tmp_path / "run", device).trainer.primitive
    camera = VIEWS[6].camera
    expected = trainer.primitive.viewer().render(camera).color
    assert expected.any()
    assert_same_picture(again.viewer().render(camera).color, expected)
    assert not again.is_ready
    for view in reversed(VIEWS[:4]):
        again.add(view)
    assert len(again.field.sources) == 4
    assert_same_picture(again.viewer().render(camera).color, expected)
    again.add(VIEWS[4])
    assert len(again.field.sources) == 5


def test_a_view_that_is_given_again_is_known_as_it_is_now(device: str) -> None:
    primitive = _trainer(device, VIEWS[:3]).primitive
    before = primitive.field.sources
    primitive.add(VIEWS[1])  # as it was
    assert primitive.field.sources is before
    smaller = dataclasses.replace(sphere_views(12, 14)[7], name=VIEWS[1].name)
    primitive.add(smaller)
    after = primitive.field.sources
    assert [picture.size for picture in after.pictures] == [(16, 16), (14, 14), (16, 16)]
    assert after.pictures[0] is before.pictures[0] and after.pictures[2] is before.pictures[2]


@pytest.mark.parametrize("with_field", [True, False])
def test_a_view_that_comes_later_has_no_part_in_a_frozen_picture(device: str, with_field: bool) -> None:
    primitive = _trainer(device, VIEWS[:2]).primitive
    camera, viewer = VIEWS[7].camera, primitive.viewer()
    before, frozen = viewer.render(camera).color, viewer.frozen(with_field=with_field)
    primitive.add(VIEWS[7])
    assert_same_picture(frozen.render(camera).color, before)
    assert (viewer.render(camera).color - before).abs().max() > 0.01


def test_two_views_of_one_camera_are_two(device: str, tmp_path: Path) -> None:
    trainer = _trainer(device, [VIEWS[0], dataclasses.replace(VIEWS[0], name="twin")])
    save_run(tmp_path / "run", trainer, {})
    again = load_run(tmp_path / "run", device).trainer.primitive
    for view in (VIEWS[0], dataclasses.replace(VIEWS[0], name="twin"), dataclasses.replace(VIEWS[0], name="third")):
        again.add(view)
    assert len(again.field.sources) == 3 and len(set(again._source_rows.values())) == 3


def test_a_picture_of_nothing_but_other_places_changes_nothing(device: str) -> None:
    primitive = _trainer(device, VIEWS[:2]).primitive
    camera = VIEWS[3].camera
    before = primitive.viewer().render(camera).color
    pose = camera.camera_to_world.copy()
    pose[:3, :3] = pose[:3, :3] @ np.diag([-1.0, 1.0, -1.0])
    pose[:3, 3] = 2.0 * pose[:3, 3] - CENTER
    away = dataclasses.replace(VIEWS[3], camera=dataclasses.replace(camera, camera_to_world=pose))
    primitive.add(away)
    torch.testing.assert_close(primitive.viewer().render(camera).color, before, rtol=0.0, atol=1e-3)


def test_where_training_looks_most_is_not_a_setting_of_it() -> None:
    with pytest.raises(ConfigError, match=r"^error_share: 0\.5, but the rays of a step are of one view: only 0 does$"):
        choose_preset("cpu", "cpu", {"error_share": 0.5}, KIND)
