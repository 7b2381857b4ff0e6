"""Training over scenes: what a step learns from, that it goes on as if never interrupted, and that it helps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.fields.source_views import SourceViews
from engine.primitives.config import ConfigError
from engine.priors.checkpoint import CHECKPOINT, CURVE, WEIGHTS, PriorTraining, load_training
from engine.priors.evaluation import evaluate
from engine.priors.learner import PriorLearner
from engine.priors.pool import ScenePool
from engine.priors.scene_makers import SceneMakers
from engine.priors.scenes.scene import draw_scene
from engine.priors.tensor_files import PriorError
from engine.priors.weights import load_prior
from engine.training.trainer import Trainer
from taichi_kernels.bundles import Rays
from tests.engine.priors.tiny_prior import tiny_prior


@pytest.fixture
def learner(device: str) -> PriorLearner:
    """With no layer that is still 0."""
    learner = PriorLearner(tiny_prior(), device)
    values = learner.field.weights.values
    values += 0.05 * torch.randn(values.shape, generator=torch.Generator().manual_seed(0)).to(device)
    return learner


def test_a_step_leaves_gradients_with_every_part_of_the_network(learner: PriorLearner) -> None:
    assert learner.loss() is None
    assert learner.step(3, None)
    loss = learner.loss()
    assert loss is not None and math.isfinite(loss) and loss > 0.0
    without = [name for name, parameter in learner.field.module.named_parameters() if not parameter.grad.any()]
    assert without == ["blend_layer.bias"]  # an offset that the views share, which a softmax doesn't know


def test_gradients_that_are_no_numbers_are_left_out(learner: PriorLearner) -> None:
    learner.gradient_scale = math.inf
    assert not learner.step(0, None)
    assert not learner.field.weights.gradients.any()


def test_scenes_of_one_step_are_what_the_field_makes_of_each_alone(learner: PriorLearner, device: str) -> None:
    """One table for all of them, and points that are looked at in their own scene's views."""
    scenes = learner._pool.at(0)[:2]
    forms = [scene.forms[1] for scene in scenes]
    sources = SourceViews(tuple(form.pictures[view] for form in forms for view in (0, 1)), linear=True)
    with torch.no_grad():
        table = learner.field.module.read(torch.cat([form.channels[:2] for form in forms]))
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(20, 3, generator=generator).to(device)
    directions = torch.nn.functional.normalize(torch.randn(20, 3, generator=generator), dim=1).to(device)
    for number, form in enumerate(forms):
        views = (2 * number + torch.arange(2, device=device)).expand(20, -1)
        rays = Rays(points, directions, torch.tensor([[0.0, 1.0]], device=device).repeat(20, 1))
        with torch.no_grad():
            together = learner._render(sources, table, rays, views, torch.zeros(20, 1, device=device))
        learner.field.condition_on(SourceViews(form.pictures[:2], linear=True))
        batch = learner.field.allocate(20)
        batch.points[:], batch.sample_rays[:] = points, torch.arange(20)
        outputs = learner.field.forward(batch, directions)
        alone = torch.exp(outputs.densities.float()) * 16.0
        torch.testing.assert_close(together.optical_depths[:, 0], alone, rtol=2e-2, atol=1e-3)


def test_known_views_are_of_the_steps_scenes_with_and_without_depth(learner: PriorLearner) -> None:
    counts, knows_depth = set(), set()
    for step in range(12):
        pool = learner._pool.at(step)
        batch, channels = learner._draw(pool, np.random.default_rng(step), step)
        views = batch.views.shape[1]
        counts.add(views)
        assert len(batch.sources) == len(channels) == 2 * views and len(batch.rays) == 64
        assert batch.views[:32].max() < views <= batch.views[32:].min()
        known = {id(picture): form for scene in pool for form in scene.forms for picture in form.pictures}
        assert all(id(picture) in known for picture in batch.sources.pictures)
        for first in (0, views):
            assert len({id(known[id(picture)]) for picture in batch.sources.pictures[first : first + views]}) == 1
        knows_depth |= {bool((channels[row, 4] > 0.0).any()) for row in range(len(channels))}
    assert counts == {1, 2} and knows_depth == {False, True}


def test_processes_of_their_own_draw_the_same_scenes(device: str) -> None:
    makers = SceneMakers(3, 1)
    for number in (5, 6, 9):
        made, drawn = makers.draw(number), draw_scene(3, number)
        assert made.setting == drawn.setting and torch.equal(made.corners, drawn.corners)
        assert torch.equal(made.materials.colors, drawn.materials.colors)


def test_the_pool_moves_on_and_is_the_same_after_an_interruption(device: str) -> None:
    config = tiny_prior()
    pool = ScenePool(config, device)
    seen = [len(pool.at(0)), len(pool.at(2)), len(pool.at(8))]
    assert seen == [2, 3, 3]
    before, after = pool.at(8), pool.at(10)
    assert after[:2] == before[1:] and after[2] not in before
    for one, other in zip(after, ScenePool(config, device).at(10), strict=True):
        assert torch.equal(one.targets.cameras, other.targets.cameras)
        torch.testing.assert_close(one.targets.colors, other.targets.colors, rtol=1e-3, atol=1e-3)


def test_training_goes_on_from_a_checkpoint(device: str, tmp_path: Path) -> None:
    trainer = Trainer(PriorLearner(tiny_prior(), device))
    for _ in range(3):
        trainer.step()
    PriorTraining(trainer, [{"step": 3, "scores": {"psnr_1": 10.0}}]).save(tmp_path)
    resumed = load_training(tmp_path, device)
    assert resumed.trainer.step_count == 3 and resumed.trainer.primitive.config == trainer.primitive.config
    assert resumed.curve == [{"step": 3, "scores": {"psnr_1": 10.0}}]
    assert (tmp_path / CURVE).read_text() == '{"step": 3, "scores": {"psnr_1": 10.0}}\n'
    weights = trainer.primitive.field.weights
    assert torch.equal(resumed.trainer.primitive.field.weights.values, weights.values)
    for one in (trainer, resumed.trainer):
        one.step()
    assert resumed.trainer.primitive.loss() == pytest.approx(trainer.primitive.loss(), rel=1e-3)
    torch.testing.assert_close(resumed.trainer.primitive.field.weights.values, weights.values, rtol=1e-2, atol=1e-4)
    prior = load_prior(tmp_path / WEIGHTS)
    assert prior.facts["steps"] == 3 and prior.facts["scores"] == {"psnr_1": 10.0}


def test_a_checkpoint_is_small(device: str, tmp_path: Path) -> None:
    """The large one's is of 60 MB at most: eight bytes for each of six million numbers."""
    trainer = Trainer(PriorLearner(tiny_prior(), device))
    PriorTraining(trainer, []).save(tmp_path)
    count = trainer.primitive.field.weights.values.numel()
    assert (tmp_path / CHECKPOINT).stat().st_size < 8 * count + 4096


def test_a_checkpoint_that_is_damaged_is_refused(device: str, tmp_path: Path) -> None:
    PriorTraining(Trainer(PriorLearner(tiny_prior(), device)), []).save(tmp_path)
    path = tmp_path / CHECKPOINT
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(PriorError, match=r"checkpoint.safetensors: damaged"):
        load_training(tmp_path, device)
    path.write_bytes((tmp_path / WEIGHTS).read_bytes())
    with pytest.raises(PriorError, match="expected a file of the format hashlight-prior-training-1"):
        load_training(tmp_path, device)


def test_settings_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"field.most_views: 5, but a scene has 5 views"):
        tiny_prior(**{"field.most_views": 5})
    with pytest.raises(ConfigError, match="scenes_per_step"):
        tiny_prior(scenes_per_step=0)
    with pytest.raises(ConfigError, match=r"field.width: 17 is odd"):
        tiny_prior(**{"field.width": 17})


def test_scores_are_of_scenes_that_training_never_sees(learner: PriorLearner) -> None:
    scores = evaluate(learner, 1, sources=(1, 2), test_views=1)
    names = {
        f"{name}_{count}{depth}" for name in ("psnr", "subject_psnr") for count in (1, 2) for depth in ("", "_depth")
    }
    assert scores.keys() == names | {"mean_color_1", "mean_color_2"}
    assert all(math.isfinite(score) for score in scores.values())
    assert scores == pytest.approx(evaluate(learner, 1, sources=(1, 2), test_views=1), abs=0.1)


@pytest.mark.slow
def test_a_short_training_beats_the_views_mean_colour(device: str) -> None:
    """A small one, on small pictures with depth, by 2 dB after less than a minute."""
    settings = {
        "side": 24, "samples_per_pixel": 1, "pool": 24, "steps_per_scene": 4, "scenes_per_step": 4,
        "rays_per_scene": 64, "strata": 16, "fine_samples": 12, "share_without_depth": 0.0, "learning_rate": 5e-3,
        "field.encoder_most_width": 32, "field.picture_side": 24, "field.features": 16, "field.width": 32,
        "field.view_blocks": 2,
    }  # fmt: skip
    trainer = Trainer(PriorLearner(tiny_prior(**settings), device))
    trainer.set_budget(None, 130)
    while not trainer.is_finished:
        trainer.step()
    scores = evaluate(trainer.primitive, 3, sources=(2,), test_views=2)
    assert scores["psnr_2_depth"] > scores["mean_color_2"] + 2.0
