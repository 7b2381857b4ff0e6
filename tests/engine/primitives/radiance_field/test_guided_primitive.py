"""A hash grid that a prior guides: while there are few views it learns from that, too, and takes over its picture."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.data.views import View
from engine.evaluation.evaluate import mean_psnr
from engine.fields.pixel_nerf import PixelNerfField
from engine.primitives.base import NoDataError
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.primitives.radiance_field.guide import FieldPrior
from engine.primitives.radiance_field.guided_primitive import GuidedPrimitive
from engine.primitives.radiance_field.hand_over import Judge
from engine.primitives.radiance_field.pixel_store import StoredPicture
from engine.priors.weights import Prior
from engine.rendering.renderer import Renderer
from engine.runs import load_run, save_run
from engine.training.trainer import Trainer
from tests.engine.primitives.radiance_field.known_prior import GUIDED, HELD_OUT, ORDER, make_prior
from tests.scenes import sphere_bounds

pytestmark = pytest.mark.usefixtures("clock")

TINT = 2.5  # makes a prior a poor one


def _trainer(device: str, read: Callable[[], FieldPrior] | None, views: list[View], **settings: Any) -> Trainer:
    primitive = make_primitive(choose_preset("cpu", device, GUIDED | settings), sphere_bounds(), "linear", device)
    assert isinstance(primitive, GuidedPrimitive)
    if read is not None:
        primitive.be_guided_by(read)
    for view in views:
        primitive.add(view)
    return Trainer(primitive)


def _judge(trainer: Trainer) -> dict[str, Any]:
    """What a snapshot says of the view that judges."""
    facts: dict[str, Any] = json.loads(bytes(trainer.state()["guide.hand_over"].tolist()))
    return facts


def _darker(view: View) -> View:
    """Captured again, with less light."""
    color = view.color.copy()
    color[..., :3] *= 0.5
    return dataclasses.replace(view, color=color)


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
    prior = make_prior(tmp_path / "prior.safetensors", TINT)
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
    assert not any(name.startswith("guide.") for name in trainer.state())
    assert viewer.captured(HELD_OUT[0].camera, viewer.render(HELD_OUT[0].camera)) is None
    trainer.step()


def test_the_grid_isnt_judged_by_a_view_that_it_has_learnt_from(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: prior, ORDER[:1])
    trainer.step()
    trainer.primitive.add(ORDER[1])
    for _ in range(70):
        trainer.step()
    assert trainer.primitive.remark


def test_of_views_that_come_together_the_last_one_judges(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: prior, ORDER[:1])
    trainer.step()
    for view in ORDER[1:5]:
        trainer.primitive.add(view)
    trainer.step()
    known = json.loads(bytes(trainer.state()["guide.facts"].tolist()))["views"]
    assert _judge(trainer)["judge"] == ORDER[4].name and set(known) == {view.name for view in ORDER[:5]}
    assert ORDER[4].name not in trainer.primitive.pixels and len(trainer.primitive.pixels) == 4


def test_a_view_that_is_captured_again_is_judged_by_or_learnt_from_as_before(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: prior, ORDER[:5])
    primitive, last = trainer.primitive, ORDER[4]
    trainer.step()
    former = primitive.find_picture(last.name)
    for view in (_darker(ORDER[0]), last):
        primitive.add(view)
    assert primitive.find_picture(last.name) is former, "a picture that is the same is another one"
    primitive.add(_darker(last))
    trainer.step()
    again = primitive.find_picture(last.name)
    assert again is not None and again.equals(StoredPicture.upload(_darker(last), device))
    assert _judge(trainer)["judge"] == last.name and last.name not in primitive.pixels and len(primitive.pixels) == 4


def test_a_view_that_shows_what_no_other_does_waits_only_so_long(device: str, prior: Prior) -> None:
    last = ORDER[4]
    white = dataclasses.replace(last, color=np.ones_like(last.color), depth=None)
    trainer = _trainer(device, lambda: prior, [*ORDER[:4], white], guide_half_life=8)
    for _ in range(16):
        trainer.step()
    assert trainer.primitive.remark and last.name not in trainer.primitive.pixels
    trainer.step()
    assert not trainer.primitive.remark and last.name in trainer.primitive.pixels


@dataclasses.dataclass(frozen=True)
class _Overflowing:
    """A prior whose colours are no numbers."""

    prior: Prior

    @property
    def settings(self) -> dict[str, Any]:
        return self.prior.settings

    def load_into(self, field: PixelNerfField) -> None:
        self.prior.load_into(field)
        with torch.no_grad():
            field.module.residual_layer.bias.fill_(math.nan)


def test_a_prior_that_shows_no_numbers_gives_way(device: str, prior: Prior) -> None:
    trainer = _trainer(device, lambda: _Overflowing(prior), ORDER[:5], guide_share=0.0)
    for _ in range(33):
        trainer.step()
    assert not trainer.primitive.remark


def test_a_view_that_is_masked_all_over_says_nothing(device: str, prior: Prior) -> None:
    last = ORDER[4]
    masked = dataclasses.replace(last, depth=np.full_like(last.depth, -np.inf))
    trainer = _trainer(device, lambda: prior, [*ORDER[:4], masked])
    for _ in range(33):
        trainer.step()
    assert trainer.primitive.remark


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
    trainer = _trainer(device, lambda: prior, ORDER[:1], guide_half_life=150)
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
    for view in reversed(ORDER[:5]):  # the one that judges comes first
        loaded.primitive.add(view)
    assert loaded.primitive.remark and len(loaded.primitive.pixels) == len(trainer.primitive.pixels) == 4
    assert _judge(loaded) == _judge(trainer)
    for _ in range(3):
        loaded.step()
    assert loaded.step_count == 6
    loaded.primitive.add(ORDER[5])
    loaded.step()
    loaded.primitive.add(_darker(ORDER[4]))  # learnt from by now
    loaded.step()
    assert _judge(loaded)["judge"] == ORDER[5].name and ORDER[4].name in loaded.primitive.pixels


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


def test_a_view_that_there_is_no_time_to_compare_by_waits_for_it(
    device: str, prior: Prior, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(judge: Judge, renderer: Renderer) -> float:
        clock.now += 1.0
        return compare(judge, renderer)

    compare = Judge.score
    monkeypatch.setattr(Judge, "score", score)
    trainer = _trainer(device, lambda: prior, ORDER[:4])
    trainer.step()
    trainer.primitive.add(ORDER[4])
    trainer.step()
    assert _judge(trainer)["judge"] is None and ORDER[4].name not in trainer.primitive.pixels
    clock.now += 10.0
    trainer.step()
    assert _judge(trainer)["judge"] == ORDER[4].name


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
