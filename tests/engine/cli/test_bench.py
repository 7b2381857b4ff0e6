"""The arithmetic of measurements."""

from __future__ import annotations

import numpy as np
import pytest

from engine.cli.datasets import shrink
from engine.cli.training_benchmark import time_to_reach
from tests.engine.data.scenes import sphere_view


def points(*pairs: tuple[float, float]) -> list[dict[str, float]]:
    return [{"seconds": seconds, "psnr_black": psnr} for seconds, psnr in pairs]


def test_time_to_a_goal_is_interpolated_within_a_training() -> None:
    assert time_to_reach(points((1, 30), (3, 36)), 34) == pytest.approx(1 + 2 * 4 / 6)


def test_scores_of_different_trainings_are_not_mixed() -> None:
    # Two trainings of their own: 34 is first reached at the end of the one of 5 s.
    assert time_to_reach(points((5, 35), (1, 20), (60, 36)), 34) == 5


def test_a_goal_out_of_reach() -> None:
    assert time_to_reach(points((1, 30), (60, 33.9)), 34) is None


@pytest.mark.parametrize("color_space", ["linear", "srgb"])
def test_smaller_views_keep_light_and_geometry(color_space) -> None:  # noqa: ANN001
    view = sphere_view(1, 4, color_space, size=32)
    small = shrink(view, (16, 8))
    assert small.color.shape == (8, 16, 4) and small.color.dtype == view.color.dtype and small.depth is None
    assert (small.camera.fx, small.camera.fy) == (view.camera.fx / 2, view.camera.fy / 4)
    mean = [view.color[..., 3].astype(np.float64).mean(), small.color[..., 3].astype(np.float64).mean()]
    assert mean[0] == pytest.approx(mean[1], rel=0.01)
    if color_space == "srgb":  # straight alpha: colour at the rim isn't darkened
        rim = (small.color[..., 3] > 0) & (small.color[..., 3] < 255)
        assert rim.any() and small.color[rim][:, :3].max(axis=1).min() > 40
