"""Wires of half a pixel to three pixels stay in a trained field, also above a plate that takes most of the pixels; and
the plate stays smooth."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.training.thin_things import compare_coverage, grain, wire_coverage

# Of a wire's width in pixels: the training steps it gets, and how much of it held-out views show after them, at least.
# The thinner, the longer it takes: most rays through its cells see nothing. A GPU's step has more rays, but none of
# them goes by where errors are, and these are a second of training there.
STEPS = {"cpu": {0.5: 300, 1.0: 150, 3.0: 120}, "cuda": {0.5: 1000, 1.0: 1000, 3.0: 250}}
LEAST = {0.5: 0.8, 1.0: 0.85, 3.0: 0.93}


def test_bloated_silhouettes_are_told_from_true_ones() -> None:
    truth = np.array([0.0, 0.5, 1.0, 0.5, 0.0])
    assert compare_coverage(truth, truth) == (1.0, 1.0)
    assert compare_coverage(truth, np.ones(5)) == (1.0, 0.4)
    assert compare_coverage(truth, 0.5 * truth) == (0.5, 1.0)
    assert compare_coverage(truth, np.zeros(5)) == (0.0, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("width", LEAST)
def test_wires_of_a_few_pixels_are_kept(device: str, width: float) -> None:
    assert wire_coverage(device, [width], STEPS[device][width], with_plate=False).recall >= LEAST[width]


@pytest.mark.slow
def test_wires_above_a_plate_are_kept(device: str) -> None:
    assert wire_coverage(device, [1.0, 2.0], 200, with_plate=True).recall >= 0.9


@pytest.mark.slow
def test_a_smooth_plate_has_no_weave(device: str) -> None:
    assert grain(device, 160) < 0.005
