"""How well a prior shows scenes that it hasn't learnt from, by a few views, through the primitive that runs have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from engine.data.color import composite_for_display, premultiply
from engine.data.views import View
from engine.fields.pixel_nerf import PixelNerfConfig
from engine.link.arrays import Floats
from engine.link.scoring import psnr
from engine.primitives.base import Scores
from engine.primitives.radiance_field.conditioned_primitive import ConditionedPrimitive
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.priors.learner import PriorLearner
from engine.priors.scenes.cameras import draw_cameras
from engine.priors.scenes.rendering import SceneRenderer
from engine.priors.scenes.scene import BOUNDS, draw_scene

# Scenes that are held out have numbers that training never comes to.
FIRST_HELD_OUT = 1 << 30
SOURCES = (1, 2, 3)
_TEST_VIEWS = 4


def evaluate(
    learner: PriorLearner, scenes: int, sources: tuple[int, ...] = SOURCES, test_views: int = _TEST_VIEWS
) -> dict[str, float]:
    """Means of PSNR in dB on black, over ``scenes`` scenes that are held out and ``test_views`` views of each, by how
    many views the field is conditioned on: ``psnr_1``, ``subject_psnr_1`` and so on, with captured depth
    ``psnr_1_depth``; and what the mean colour of these views alone would have, ``mean_color_1``."""
    config = learner.config
    figures: dict[str, list[float]] = {}
    for number in range(FIRST_HELD_OUT, FIRST_HELD_OUT + scenes):
        counts = max(sources), test_views
        known, shown = render_views(config.seed, number, counts, config.side, config.samples_per_pixel, learner.device)
        for count in sources:
            figures.setdefault(f"mean_color_{count}", []).append(_score_mean_color(known[:count], shown))
        for with_depth in (False, True):
            suffix = "_depth" if with_depth else ""
            for count, scores in _score(learner, known, shown, sources, with_depth):
                for name in ("psnr", "subject_psnr"):
                    if (value := scores.means[name]) is not None:
                        figures.setdefault(f"{name}_{count}{suffix}", []).append(value)
    return {name: float(np.mean(values)) for name, values in figures.items()}


def _score(
    learner: PriorLearner, known: list[View], shown: list[View], sources: tuple[int, ...], with_depth: bool
) -> Iterator[tuple[int, Scores]]:
    """Scores by each number of views, the fewest first."""
    config, device = learner.config, learner.device
    settings = {f"field.{name}": value for name, value in dataclasses.asdict(config.field).items()}
    run = choose_preset(config.preset, device, settings, PixelNerfConfig.kind)
    primitive = make_primitive(run, BOUNDS, "linear", device)
    assert isinstance(primitive, ConditionedPrimitive)
    primitive.field.weights.values.copy_(learner.field.weights.values)
    for view in shown:
        primitive.add(view)
    for place, view in enumerate(known):
        primitive.add(view if with_depth else dataclasses.replace(view, depth=None))
        if place + 1 in sources:
            *_, scores = primitive.evaluate(primitive.viewer())
            assert isinstance(scores, Scores)
            yield place + 1, scores


def render_views(
    seed: int, number: int, counts: tuple[int, int], side: int, samples: int, device: str
) -> tuple[list[View], list[View]]:
    """Views of the scene of this ``number``, square ones of ``side`` pixels with so many ``samples`` each: to know it
    by, and others to show. ``counts``: how many of both."""
    known, shown = counts
    scene = draw_scene(seed, number)
    cameras = draw_cameras(seed, number, scene.setting, known + shown, side)
    rendered = SceneRenderer(scene, device).render(cameras, samples, number)
    colors, depths = rendered.colors.cpu().numpy(), rendered.depths.cpu().numpy()
    views = [
        View(f"{place}", camera, colors[place], "linear", depths[place], "train" if place < known else "test")
        for place, camera in enumerate(cameras)
    ]
    return views[:known], views[known:]


def _score_mean_color(known: list[View], shown: list[View]) -> float:
    color = np.mean([_display(view).mean(axis=(0, 1)) for view in known], axis=0)
    return float(np.mean([psnr(np.broadcast_to(color, _display(view).shape), _display(view)) for view in shown]))


def _display(view: View) -> Floats:
    return composite_for_display(premultiply(view.color, "linear"), "linear", "black")
