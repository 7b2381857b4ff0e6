"""A hash grid that a prior guides: while there are few views it learns from that, too, and takes over its picture."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data.views import View
from engine.evaluation.evaluate import mean_psnr
from engine.fields.unit_cube import UnitCube
from engine.fields.view_choice import Sightings
from engine.link.geometry import Camera
from engine.primitives.base import NoDataError
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.primitives.radiance_field.guided_primitive import GuidedPrimitive
from engine.primitives.radiance_field.pixel_store import StoredPicture
from engine.priors.weights import Prior, load_prior, save_prior
from engine.runs import load_run, save_run
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE
from tests.engine.tiny_fields import TINY
from tests.scenes import CENTER, RADIUS, sphere_bounds, sphere_views

VIEWS = sphere_views(12, 24)
HELD_OUT = [VIEWS[1], VIEWS[5], VIEWS[9]]
ORDER = [VIEWS[index] for index in (3, 8, 0, 10, 2, 7, 6, 11)]
TINT = 2.5  # makes a prior a poor one
GUIDED = TINY["hash-grid"] | {"guide_side": 16, "guide_pictures": 6, "guide_every": 8, "guided_views": 7}


def _make_prior(file: Path, tint: float) -> Prior:
    """One whose weights are known: solid is what lies at a captured depth or behind it, as far as no view sees through
    it, and its colour is what views show there, made lighter by ``tint``."""
    config = choose_preset("cpu", TEST_DEVICE, TINY["pixelnerf"], "pixelnerf").field
    field = config.build(TEST_DEVICE, 0)
    network = field.module
    gap = (
        network.view_layer.in_features - 2 - 4
    )  # before it, gaps of one finer scale; behind it, of three, and two facts
    with torch.no_grad():
        for layer in (network.view_layer, network.point_layer, network.density_layer, network.blend_layer):
            layer.weight.zero_()
            layer.bias.zero_()
        network.view_layer.weight[0, gap] = 1.0
        network.point_layer.weight[0, 0], network.point_layer.weight[1, 0] = 1.0, -1.0
        network.density_layer.weight[0, 0], network.density_layer.weight[0, 1] = 8.0, -8.0
        network.residual_layer.bias.fill_(tint)
    save_prior(file, field, config, {})
    return load_prior(file)


@pytest.fixture
def prior(tmp_path: Path) -> Prior:
    """A good one."""
    return _make_prior(tmp_path / "prior.safetensors", 0.0)


def _trainer(device: str, read: Callable[[], Prior] | None, views: list[View]) -> Trainer:
    primitive = make_primitive(choose_preset("cpu", device, GUIDED), sphere_bounds(), "linear", device)
    assert isinstance(primitive, GuidedPrimitive)
    if read is not None:
        primitive.be_guided_by(read)
    for view in views:
        primitive.add(view)
    return Trainer(primitive)


def _score(trainer: Trainer) -> float:
    return mean_psnr(trainer.primitive.viewer(), HELD_OUT)["black"]


def test_something_is_shown_before_any_training_and_better_than_nothing(device: str, prior: Prior) -> None:
    one = _trainer(device, lambda: prior, ORDER[:1])
    assert one.primitive.remark == "Few views: predicted"
    covered = one.primitive.viewer().render(HELD_OUT[0].camera).color[..., 3].mean()
    assert float(covered) > 0.5 * float(HELD_OUT[0].color[..., 3].mean())
    several, alone = (_trainer(device, read, ORDER[:5]) for read in (lambda: prior, None))
    assert several.primitive.remark and not alone.primitive.remark
    assert _score(several) > _score(alone) + 3.0


def test_it_takes_over_once_it_is_better_and_no_picture_is_black(device: str, tmp_path: Path) -> None:
    prior = _make_prior(tmp_path / "prior.safetensors", TINT)
    trainer = _trainer(device, lambda: prior, ORDER[:5])
    primitive = trainer.primitive
    viewer = primitive.viewer()
    scores = [mean_psnr(viewer, HELD_OUT)["black"]]
    assert primitive.remark
    while primitive.remark and trainer.step_count < 400:
        trainer.step()
        if trainer.step_count % 16 == 0:
            covered = viewer.render(HELD_OUT[0].camera).color[..., 3].mean()
            assert float(covered) > 0.5 * float(HELD_OUT[0].color[..., 3].mean())
    assert not primitive.remark, "the hash grid never took over"
    assert len(primitive.pixels) == 5  # the view that both were judged by is trained on, too
    scores.append(mean_psnr(viewer, HELD_OUT)["black"])
    assert scores[1] > scores[0] - 0.2


def test_the_grid_isnt_judged_by_a_view_that_it_has_learnt_from(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: prior, ORDER[:1])
    trainer.step()
    trainer.primitive.add(ORDER[1])
    for _ in range(70):
        trainer.step()
    assert trainer.primitive.remark and trainer.primitive._judge is None


def test_of_views_that_come_together_the_last_one_judges(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: prior, ORDER[:1])
    trainer.step()
    for view in ORDER[1:5]:
        trainer.primitive.add(view)
    trainer.step()
    primitive = trainer.primitive
    assert primitive._judge is not None and primitive._judge.name == ORDER[4].name
    assert primitive._guide is not None and all(primitive._guide.knows(view.name) for view in ORDER[:5])
    assert ORDER[4].name not in primitive.pixels and len(primitive.pixels) == 4


def test_where_no_view_was_the_grid_learns_what_the_prior_shows(device: str, prior: Prior) -> None:
    guided, alone = (_trainer(device, read, ORDER[:2]) for read in (lambda: prior, None))
    for trainer in (guided, alone):
        for _ in range(120):
            trainer.step()
    shown = guided.primitive.viewer().render(HELD_OUT[0].camera).color
    assert guided.primitive.remark
    near, far = (
        trainer.primitive._own_renderer.render(HELD_OUT[0].camera).color.sub(shown).square().mean()
        for trainer in (guided, alone)
    )
    assert float(near) < 0.9 * float(far)


def test_with_enough_views_the_prior_isnt_read_and_training_is_the_same_to_the_bit(device: str) -> None:
    def read() -> Prior:
        raise AssertionError("the prior was read")

    guided, alone = (_trainer(device, reads, ORDER[:7]) for reads in (read, None))
    for trainer in (guided, alone):
        for _ in range(5):
            trainer.step()
    assert not guided.primitive.remark
    one, other = guided.state(), alone.state()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one if name != "trainer.progress")


def test_its_say_fades_with_views_and_steps(device: str) -> None:
    config = choose_preset("cpu", device, GUIDED)
    by_views = [config.guide_share_at(0, views) for views in range(1, 9)]
    assert by_views[0] == config.guide_share and by_views[6:] == [0.0, 0.0]
    assert all(one > other for one, other in itertools.pairwise(by_views[:7]))
    by_steps = [config.guide_share_at(step, 2) for step in (0, 100, 200, 10_000)]
    assert all(one > other for one, other in itertools.pairwise(by_steps))


def test_views_that_come_meanwhile_are_taken_in_and_in_the_end_the_grid_is_alone(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: prior, ORDER[:1])
    primitive = trainer.primitive
    for count, view in enumerate(ORDER[1:], 2):
        for _ in range(3):
            trainer.step()
        primitive.add(view)
        assert len(primitive.items) == count
        assert float(primitive.viewer().render(HELD_OUT[0].camera).color[..., 3].max()) > 0.5
    for _ in range(600):
        trainer.step()
        if not primitive.remark:
            break
    trainer.step()
    assert len(primitive.pixels) == len(ORDER) and not primitive.remark
    assert not any(name.startswith("guide.") for name in trainer.state())


def test_a_saved_run_goes_on_and_is_shown_without_the_priors_file(device: str, prior: Prior, tmp_path: Path) -> None:
    trainer = _trainer(device, lambda: prior, ORDER[:5])
    for _ in range(3):
        trainer.step()
    before = trainer.primitive.viewer().render(HELD_OUT[0].camera).color.cpu()
    save_run(tmp_path / "run", trainer, {})
    loaded = load_run(tmp_path / "run", device).trainer
    # Weights are kept in half precision, as the prior's file has them.
    assert torch.allclose(loaded.primitive.viewer().render(HELD_OUT[0].camera).color.cpu(), before, atol=2e-2)
    for view in ORDER[:5]:
        loaded.primitive.add(view)
    assert loaded.primitive.remark and len(loaded.primitive.pixels) == len(trainer.primitive.pixels) == 4
    least = loaded.primitive._judge.least
    assert least == pytest.approx(trainer.primitive._judge.least)
    for _ in range(3):
        loaded.step()
    assert loaded.step_count == 6


def test_without_views_there_is_nothing_to_train_on_and_nothing_to_show(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: prior, [])
    with pytest.raises(NoDataError):
        trainer.step()
    assert not trainer.primitive.remark and not trainer.primitive.is_ready
    assert float(trainer.primitive.viewer().render(HELD_OUT[0].camera).color.max()) == 0.0


def test_a_view_that_shows_nothing_predicts_nothing_and_another_makes_up_for_it(device: str, prior: Prior) -> None:
    first = ORDER[0]
    depth = np.full_like(first.depth, np.inf)
    blank = dataclasses.replace(first, color=np.zeros_like(first.color), depth=depth)
    trainer = _trainer(device, lambda: prior, [blank])
    viewer = trainer.primitive.viewer()
    assert float(viewer.render(HELD_OUT[0].camera).color.abs().max()) < 0.05
    trainer.step()
    trainer.primitive.add(first)
    trainer.primitive.add(ORDER[1])
    trainer.step()
    assert float(viewer.render(first.camera).color[..., 3].max()) > 0.5


def test_its_pictures_leave_training_most_of_the_time(
    device: str, prior: Prior, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.primitives.radiance_field.guide._SHARE_OF_TIME", 0.0)
    trainer = _trainer(device, lambda: prior, ORDER[:2])
    for _ in range(20):
        trainer.step()
    guide = trainer.primitive._guide
    assert guide is not None and guide.is_outdated and len(guide.pixels) == 4, "the first ones, and no more"


def test_once_the_grid_has_taken_over_the_prior_teaches_it_no_longer(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: prior, ORDER[:5])
    primitive = trainer.primitive
    trainer.step()
    primitive._take_over()
    assert not primitive.remark and len(primitive.pixels) == 5
    assert not any(name.startswith("guide.") for name in trainer.state())
    assert primitive.viewer().captured(HELD_OUT[0].camera, primitive.viewer().render(HELD_OUT[0].camera)) is None
    trainer.step()


def test_its_pictures_are_made_anew_only_when_views_came(
    device: str, prior: Prior, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.primitives.radiance_field.guide._SHARE_OF_TIME", math.inf)
    trainer = _trainer(device, lambda: prior, ORDER[:2])
    for _ in range(60):
        trainer.step()
    guide = trainer.primitive._guide
    assert guide is not None and not guide.is_outdated and len(guide.pixels) == GUIDED["guide_pictures"]
    guide.take_in(ORDER[2].name, StoredPicture.upload(ORDER[2], device))
    assert guide.is_outdated


def test_a_snapshot_whose_prior_is_damaged_is_refused_in_words(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: prior, ORDER[:2])
    state = trainer.state()
    other = _trainer(device, None, [])
    sizes = {"sizes": {"width": -3}, "views": []}
    for name, tensor, words in (
        ("guide.facts", torch.zeros(3, dtype=torch.uint8), "guide.facts: not JSON"),
        ("guide.facts", torch.frombuffer(bytearray(json.dumps(sizes).encode()), dtype=torch.uint8), "width"),
        ("guide.field.weights", torch.zeros(4, 1), "guide.field.weights: expected"),
        ("guide.hand_over", torch.zeros(1), "guide.hand_over: missing or of another size or kind"),
    ):
        with pytest.raises(ValueError, match=words):
            other.load_state(state | {name: tensor})


def test_it_is_sure_of_what_a_view_shows_and_less_of_what_none_does(device: str, prior: Prior) -> None:
    primitive = _trainer(device, lambda: prior, ORDER[:1]).primitive
    guide = primitive._find_guide()
    assert guide is not None
    facing, behind = ORDER[0].camera, _turned_around(ORDER[0])
    sure, unsure = (
        guide.renderer.confidence(camera, picture)[picture.color[..., 3] > 0.9].mean()
        for camera in (facing, behind)
        for picture in [guide.renderer.render(camera)]
    )
    assert float(sure) > float(unsure) + 0.1


def test_more_views_leave_less_to_predict(device: str, prior: Prior) -> None:
    seen = []
    for views in (ORDER[:1], ORDER[:6]):
        viewer = _trainer(device, lambda: prior, views).primitive.viewer()
        captured = 0.0
        for held_out in HELD_OUT:
            picture = viewer.render(held_out.camera)
            told = viewer.captured(held_out.camera, picture)
            assert told is not None and bool((told[picture.color[..., 3] < 0.1] == 1.0).all())
            captured += float(told[picture.color[..., 3] > 0.9].mean())
        seen.append(captured / len(HELD_OUT))
    assert seen[0] + 0.2 < seen[1], "with one view the far side is predicted"


def test_without_captured_depth_what_it_shows_itself_hides_what_is_behind_it(
    device: str, prior: Prior, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.primitives.radiance_field.conditioned_renderer._has_depth", lambda picture: False)
    guide = _trainer(device, lambda: prior, ORDER[:1]).primitive._find_guide()
    assert guide is not None
    renderer, towards = guide.renderer, ORDER[0].camera.camera_to_world[:3, 2]
    cube = UnitCube(sphere_bounds())
    places = np.stack([CENTER + RADIUS * towards, CENTER - RADIUS * towards])
    points = torch.from_numpy((places - cube.bounds.center) * cube.scale + 0.5).float().to(device)
    front, behind = renderer._unhidden(Sightings.find(renderer._field.sources, points, renderer._field.stretch))[
        :, 0
    ].tolist()
    assert front > 0.5 and behind < 0.1


def _turned_around(view: View) -> Camera:
    """A camera on the other side of the sphere."""
    directions = [other.camera.camera_to_world[:3, 2] for other in VIEWS]
    return VIEWS[int(np.argmin([one @ view.camera.camera_to_world[:3, 2] for one in directions]))].camera
