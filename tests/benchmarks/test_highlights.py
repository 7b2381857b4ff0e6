"""The two kinds of pictures whose trainings are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.highlights import expose, find_highlights, to_8_bit
from engine.data.dataset import Dataset
from engine.evaluation.evaluate import truth_on
from tests.engine.training.textured_sphere import HIGHLIGHT, held_out_views, training_views
from tests.scenes import sphere_bounds


def captured() -> Dataset:
    train, test = (make("linear", size=32, has_highlights=True) for make in (training_views, held_out_views))
    return Dataset(train, test, sphere_bounds(), "linear", [], Path())


def test_8_bit_pictures_show_the_same_but_for_rounding() -> None:
    linear = captured()
    converted = to_8_bit(linear)
    assert converted.color_space == "srgb" and linear.color_space == "linear"
    for ours, theirs in zip(linear.views, converted.views, strict=True):
        assert theirs.color.dtype == np.uint8
        # At the rim sRGB data is composited as it is, linear light isn't.
        is_full = ours.color[..., 3] == 1.0
        difference = np.abs(truth_on(ours, "black") - truth_on(theirs, "black"))[is_full]
        assert is_full.any() and difference.max() <= 0.5 / 255 + 1e-3


def test_highlights_are_what_a_display_clips() -> None:
    view = max(captured().test, key=lambda view: view.color[..., :3].max())
    is_highlight = find_highlights(view)
    assert 0.0 < is_highlight.mean() < 1.0
    shown = truth_on(view, "black")
    assert (shown[is_highlight].max(axis=-1) > 0.999).all() and (shown[~is_highlight] < 1.0).any(axis=-1).all()


def test_exposure_multiplies_light_up_to_what_half_floats_hold() -> None:
    linear = captured()
    brighter, blinding = expose(linear, 2), expose(linear, 16)
    for ours, theirs, most in zip(linear.views, brighter.views, blinding.views, strict=True):
        np.testing.assert_allclose(theirs.color[..., :3], 4.0 * ours.color[..., :3].astype(np.float32), rtol=1e-3)
        assert np.array_equal(theirs.color[..., 3], ours.color[..., 3]) and np.isfinite(most.color).all()
    assert max(view.color[..., :3].max() for view in brighter.views) > 3.0 * HIGHLIGHT
